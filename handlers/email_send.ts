/**
 * `email.send`: by SMTP when there is a server to use, otherwise as an .eml file to look at.
 *
 * Mail is not transactional: after a crash it may be sent again. The Message-ID is made of the job,
 * so that servers and readers can recognise the second copy.
 */
import { join } from "node:path";
import { z } from "zod";
import { defineHandler, giveUp, type Handler } from "perdura/handler";
import { writeWhole } from "./files.ts";

/** Where mail goes. */
export interface EmailOptions {
  /** `smtp://user:password@host:port`; null: files in `outboxDir`. */
  readonly smtpUrl: string | null;
  readonly outboxDir: string;
  readonly from: string;
}

/** A server that says nothing for so long will say nothing: the attempt ends before its own time does. */
const SILENCE_MS = 20_000;

/** No line breaks of any kind: they would begin another header. */
const line = z.string().min(1).max(998)
  .regex(/^[^\p{Cc}\u2028\u2029]*$/u, "Must be one line, without control characters");

const input = z.strictObject({
  to: z.email(),
  subject: line,
  body: z.string().max(500_000).default(""),
});

/** The handler, for one place to send to. */
export function emailSend(options: EmailOptions): Handler {
  return defineHandler({
    type: "email.send",
    input,
    timeoutMs: 60_000,
    handle: async ({ to, subject, body }, { job }) => {
      const messageId = `<${job.id}@perdura.invalid>`;
      const mail = { from: options.from, to, subject, text: body, messageId };
      if (options.smtpUrl !== null) {
        try {
          await (await transportTo(options.smtpUrl)).sendMail(mail);
        } catch (error) {
          if (isForGood(error)) return giveUp(error);
          throw error;
        }
        return { messageId, sentTo: to };
      }
      const file = join(options.outboxDir, `${job.id}.eml`);
      await writeWhole(file, await asText(mail));
      return { messageId, file };
    },
  });
}

/** The mailer is loaded by the first mail: most programs that know this type send none. */
async function transportTo(url: string) {
  const { createTransport } = await import("nodemailer");
  return createTransport({
    url,
    connectionTimeout: SILENCE_MS,
    greetingTimeout: SILENCE_MS,
    socketTimeout: SILENCE_MS,
  });
}

/** RFC 5321: a server that answers 5xx will not say otherwise next time. */
function isForGood(error: unknown): boolean {
  const code: unknown = error instanceof Error ? Reflect.get(error, "responseCode") : undefined;
  return typeof code === "number" && code >= 500 && code < 600;
}

async function asText(mail: Record<string, string>): Promise<string> {
  const { createTransport } = await import("nodemailer");
  const transport = createTransport({ streamTransport: true, buffer: true });
  const { message } = await transport.sendMail(mail);
  return message.toString();
}
