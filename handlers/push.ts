/**
 * Push: jobs that run behind an HTTPS address, where there is no database.
 *
 * Each attempt POSTs a signed envelope. The answer 200 is the output, 204 none; 202 means that the end
 * comes later, by `POST <callback>` with a key of the scope `worker` and If-Match: the version of the
 * envelope, so that one that is late or sent twice changes nothing. 4xx gives up, except 408 and 429;
 * everything else is tried again. Redirects are not followed.
 */
import type { IncomingMessage } from "node:http";
import { z } from "zod";
import {
  defineHandler,
  giveUp,
  type Handler,
  type HandlerContext,
  PermanentError,
  SIGNATURE_HEADER,
  signBody,
  systemClock,
} from "perdura/handler";
import { checkedAddress, send } from "./guarded.ts";

/** Where jobs of a type go. */
export interface PushOptions {
  readonly type: string;
  /** `https:`; `http:` to the loopback alone. */
  readonly url: string;
  /** Shared with the receiver, who checks by `verifyBody`. At least 32 characters. */
  readonly secret: string;
  /** Host names or addresses that may be called: that of `url` has to be among them. */
  readonly allowedHosts: readonly string[];
  /** Where the API is, for answers that come later. Left out: 202 is a failure. */
  readonly apiUrl?: string;
  /** Longest attempt, the wait for a later answer included. Default 60,000 ms. */
  readonly timeoutMs?: number;
}

const REPLY_BYTES_MAX = 1024 * 1024;
const AGAIN = new Set([408, 429]);
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

const optionsSchema = z.object({
  type: z.string().min(1).max(128),
  url: z.url().refine(isSafe, "Must be https:, or http: on the loopback"),
  secret: z.string().min(32),
  apiUrl: z.url().optional(),
  timeoutMs: z.int().min(1_000).max(3_600_000).default(60_000),
});

/** The handler of a type whose jobs are pushed. Throws on options that cannot be carried out. */
export function pushHandler(options: PushOptions): Handler {
  const { type, url, secret, apiUrl, timeoutMs } = optionsSchema.parse(options);
  const allowed = new Set(options.allowedHosts.map((host) => host.toLowerCase()));
  return defineHandler({
    type,
    timeoutMs,
    input: z.json(),
    handle: async (payload, context) => {
      const body = envelopeOf(payload, context, timeoutMs, apiUrl);
      const response = await deliver(new URL(url), body, secret, allowed, context.signal);
      const status = response.statusCode ?? 0;
      if (status === 200) return readReply(await readText(response));
      response.destroy();
      if (status === 204) return null;
      if (status === 202 && apiUrl !== undefined) return await untilEnded(context.signal);
      const error = Object.assign(new Error(`${url} answered ${status}`), {
        code: `http_${status}`,
      });
      if (status >= 400 && status < 500 && !AGAIN.has(status)) return giveUp(error);
      throw error;
    },
  });
}

function isSafe(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.test(hostname));
}

/** What the receiver gets: the job, what it was sent with, and how to answer later. */
function envelopeOf(
  payload: unknown,
  { job, idempotencyKey }: HandlerContext,
  timeoutMs: number,
  apiUrl: string | undefined,
): string {
  const { id, tenantId, type, queue, version, attempt, maxAttempts, createdAt, tags } = job;
  return JSON.stringify({
    job: { id, tenantId, type, queue, version, attempt, maxAttempts, createdAt, tags },
    idempotencyKey,
    payload,
    timeoutMs,
    callback: apiUrl === undefined ? null : new URL(`jobs/${id}/events`, withSlash(apiUrl)).href,
  });
}

async function deliver(
  url: URL,
  body: string,
  secret: string,
  allowed: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const address = await checkedAddress(url, allowed);
  const headers = {
    "content-type": "application/json",
    [SIGNATURE_HEADER]: await signBody(secret, body, systemClock.now()),
  };
  return await send(url, address, { method: "POST", headers, body }, signal);
}

/** @throws {PermanentError} It is larger than may be. */
async function readText(response: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > REPLY_BYTES_MAX) {
      response.destroy();
      throw new PermanentError(`The answer is larger than ${REPLY_BYTES_MAX} bytes`);
    }
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function readReply(text: string) {
  if (text === "") return null;
  try {
    return z.json().parse(JSON.parse(text));
  } catch {
    throw new PermanentError("The answer is not JSON");
  }
}

/** Ended from outside, the lease is gone, and this attempt is told so; or its time is over. */
function untilEnded(signal: AbortSignal): Promise<never> {
  return new Promise((_, fail) => {
    const stop = () => fail(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop);
  });
}

function withSlash(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}
