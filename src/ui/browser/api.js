/** Talks to the API: JSON, problems as errors, and the stream. */
import { showLive } from "./dom.js";

const KEY = "perdura-key";

/** A call that was refused. */
export class Problem extends Error {
  constructor(body) {
    super(body.detail ?? body.title ?? "The request failed");
    this.body = body;
  }
}

/** Calls the API. */
export async function call(path, options = {}) {
  const response = await fetch(path, { ...options, headers: headers(options) });
  if (response.status === 401 && askForKey()) return await call(path, options);
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const body = isJson ? await response.json() : await response.text();
  if (!response.ok) throw new Problem(isJson ? body : { title: response.statusText });
  return body;
}

/** Sends JSON. */
export function send(path, body, extra = {}) {
  return call(path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...extra },
  });
}

/**
 * Follows a stream until `signal` aborts; comes back by itself. `on` has a function per event, and
 * `query` says where to begin.
 */
export async function follow(query, on, signal) {
  while (!signal.aborted) {
    try {
      const response = await fetch(`/stream${query()}`, { headers: headers({}), signal });
      if (!response.ok) throw new Error(response.statusText);
      showLive("live", true);
      await readEvents(response.body, on);
    } catch {
      if (signal.aborted) return;
    }
    showLive("reconnecting", false);
    await new Promise((done) => setTimeout(done, 1000));
  }
}

async function readEvents(body, on) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const event = /^event: (.*)$/m.exec(message)?.[1];
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (event && data) on[event]?.(JSON.parse(data));
    }
  }
}

function headers(options) {
  const key = sessionStorage.getItem(KEY);
  return { ...options.headers, ...(key ? { authorization: `Bearer ${key}` } : {}) };
}

/** The key stays in this tab. */
function askForKey() {
  const key = globalThis.prompt("This API wants a key (perdura_…)");
  if (!key) return false;
  sessionStorage.setItem(KEY, key.trim());
  return true;
}
