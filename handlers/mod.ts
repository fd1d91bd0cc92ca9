/** The handlers of `deno task start` and `worker`: add yours as one file and one line here. */
import type { Handler } from "perdura/handler";
import { creditsGrant, creditsPrepare } from "./credits_grant.ts";
import { debugHandlers } from "./debug.ts";
import { type EmailOptions, emailSend } from "./email_send.ts";
import { employeesImport } from "./employees_import.ts";
import { financeSync } from "./finance_sync.ts";
import { type HttpOptions, httpRequest } from "./http_request.ts";
import { reportGenerate, type ReportOptions } from "./report_generate.ts";

/** What the handlers need of the settings. */
export interface HandlerSettings {
  readonly email: EmailOptions;
  readonly report: ReportOptions;
  readonly http: HttpOptions;
  readonly debug: boolean;
}

/** Every registered handler. */
export function allHandlers(settings: HandlerSettings): Handler[] {
  return [
    emailSend(settings.email),
    httpRequest(settings.http),
    reportGenerate(settings.report),
    employeesImport(),
    creditsGrant(),
    creditsPrepare(),
    financeSync(),
    ...(settings.debug ? debugHandlers : []),
  ];
}
