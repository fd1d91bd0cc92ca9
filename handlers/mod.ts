/** The handlers of `deno task start` and `worker`: add yours as one file and one line here. */
import type { Handler } from "perdura";
import { debugHandlers } from "./debug.ts";
import { type EmailOptions, emailSend } from "./email_send.ts";

/** What the handlers need of the settings. */
export interface HandlerSettings {
  readonly email: EmailOptions;
  readonly debug: boolean;
}

/** Every registered handler. */
export function allHandlers(settings: HandlerSettings): Handler[] {
  return [
    emailSend(settings.email),
    ...(settings.debug ? debugHandlers : []),
  ];
}
