/**
 * `deno task demo`: everything on an embedded Postgres of its own, with a fleet that lives: jobs that
 * work, fail, retry and give up, orders and approvals on their way, schedules, limits, a paused queue.
 */
const STATE_DIR = ".perdura/demo";
const START_MS = 120_000;
const QUEUES = ["mail", "invoices", "resize", "default"] as const;
const FAILURES = [
  "connect ETIMEDOUT 10.0.4.17:587",
  "HTTP 502 from upstream",
  "ENOSPC: no space left on device",
  "Invoice 4711 has no address",
] as const;
const EVENTS = ["PICKED", "PACKED", "HOLD", "RELEASE"] as const;

const pick = <T>(from: readonly T[]): T => {
  const found = from[Math.floor(Math.random() * from.length)];
  if (found === undefined) throw new RangeError("Nothing to pick from");
  return found;
};
const between = (low: number, high: number) => Math.round(low + Math.random() * (high - low));
const chance = (share: number) => Math.random() < share;

/** The API of a partner, which is down for a while now and then: its breaker opens, probes and closes. */
let isPartnerDown = false;
const partner = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => {
  const status = isPartnerDown ? 503 : 200;
  return new Response(isPartnerDown ? "down" : "ok", { status });
});

function callOfPartner(): object {
  return {
    type: "http.request",
    payload: { url: `http://127.0.0.1:${partner.addr.port}/stock` },
    queue: "partner",
    limitKey: "partner-api",
    maxAttempts: 8,
    backoff: { baseMs: 4_000, factor: 2, capMs: 60_000 },
  };
}

/** A refusal is no matter: the fleet may have moved on. Gives whether it was taken. */
async function call(base: string, method: string, path: string, body?: unknown): Promise<boolean> {
  const response = await fetch(base + path, {
    method,
    ...body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) },
  });
  await response.body?.cancel();
  return response.ok;
}

/** One job as a day brings it. */
function someJob(): object {
  const shared = {
    queue: pick(QUEUES),
    tags: [pick(["eu", "us", "apac"])],
    priority: Math.floor(Math.random() * 3),
    backoff: { baseMs: 2_000, factor: 2, capMs: 60_000 },
  };
  if (chance(.12)) {
    const payload = { times: chance(.4) ? 9 : 1, message: pick(FAILURES) };
    return { ...shared, type: "debug.fail", payload, maxAttempts: chance(.4) ? 1 : 3 };
  }
  if (chance(.1)) return { ...shared, type: "debug.noop", delayMs: between(20_000, 900_000) };
  if (chance(.15)) {
    const payload = { to: "ada@example.org", subject: "Your order is on its way" };
    return { ...shared, type: "email.send", payload, queue: "mail" };
  }
  return { ...shared, type: "debug.sleep", payload: { ms: between(200, 6_000) } };
}

/** What is there from the start. */
async function fill(base: string): Promise<void> {
  const jobs = Array.from({ length: 240 }, someJob);
  if (!await call(base, "POST", "/jobs/batch", { jobs })) throw new Error("It takes no jobs");
  for (let n = 1; n <= 24; n++) await startOrder(base, n);
  for (let n = 1; n <= 8; n++) await startApproval(base, n);
  for (let n = 1; n <= 6; n++) await startSubscription(base, n);
  await startCampaign(base, 1);
  await call(base, "PUT", "/queues/resize/limits", { concurrency: 4, ratePerMinute: 120 });
  await call(base, "POST", "/jobs", { type: "debug.noop", queue: "newsletter" });
  await call(base, "POST", "/queues/newsletter/pause", {});
  const jobAt = (cron: string, type: string, payload: object) => ({
    cron,
    type,
    payload,
    timeZone: "Europe/Berlin",
  });
  await call(base, "PUT", "/schedules/every-minute", jobAt("* * * * *", "debug.noop", {}));
  await call(
    base,
    "PUT",
    "/schedules/nightly-report",
    jobAt("30 2 * * *", "report.generate", { reportId: "nightly" }),
  );
  await call(
    base,
    "PUT",
    "/schedules/monday-mail",
    jobAt("0 9 * * 1", "email.send", { to: "team@example.org", subject: "The week" }),
  );
}

const orders: string[] = [];

async function startOrder(base: string, n: number): Promise<void> {
  const id = `order-${1000 + n}`;
  const input = {
    total: between(900, 20_000),
    items: ["book", "lamp", "chair"].slice(0, 1 + n % 3),
    remindMs: between(30_000, 330_000),
    packMs: between(120_000, 1_000_000),
  };
  await call(base, "POST", "/actors", { machine: "order", id, input });
  orders.push(id);
}

async function startApproval(base: string, n: number): Promise<void> {
  const input = {
    title: pick(["New laptop", "Trip to Lisbon", "Licence for a tool", "Conference"]),
    approver: pick(["ada", "grace", "edsger"]),
    escalateMs: between(20_000, 140_000),
    expireMs: between(120_000, 720_000),
  };
  await call(base, "POST", "/actors", { machine: "approval", id: `approval-${n}`, input });
}

/** Its month is a minute, so that it can be watched. */
async function startSubscription(base: string, n: number): Promise<void> {
  const times = { trialMs: between(20_000, 60_000), periodMs: 60_000, retryMs: 15_000 };
  const input = { customer: `customer-${n}`, plan: pick(["basic", "team"]), ...times };
  await call(base, "POST", "/actors", { machine: "subscription", id: `subscription-${n}`, input });
}

async function startCampaign(base: string, n: number): Promise<void> {
  const recipients = Array.from({ length: 120 }, (_, i) => `reader-${i}@example.org`);
  const input = { subject: "What is new", recipients, window: 6, lookMs: 3_000 };
  await call(base, "POST", "/actors", { machine: "campaign", id: `campaign-${n}`, input });
}

/** Somebody brings back what failed alike, slowly. */
async function requeueSome(base: string): Promise<void> {
  const response = await fetch(`${base}/dead-letters?groupBy=fingerprint&limit=10`);
  const { items = [] } = Object(await response.json());
  const [group] = items.toSorted((a: { count: number }, b: { count: number }) => b.count - a.count);
  if (!group) return;
  const filter = { state: "dead_letter", fingerprint: group.fingerprint };
  await call(base, "POST", "/operations", { action: "requeue", filter, ratePerSecond: 2 });
}

/** One second of the fleet. */
async function live(base: string, second: number): Promise<void> {
  isPartnerDown = second % 120 >= 15 && second % 120 < 50;
  await call(base, "POST", "/jobs", callOfPartner());
  const jobs = Array.from({ length: 2 + Math.floor(Math.random() * 5) }, someJob);
  await call(base, "POST", "/jobs/batch", { jobs });
  const order = pick(orders);
  await call(base, "POST", `/actors/${order}/events?timeoutMs=2000`, { type: pick(EVENTS) });
  if (chance(.05)) {
    await call(base, "POST", `/actors/${order}/events`, {
      type: "CANCEL",
      reason: "Changed my mind",
    });
  }
  if (second % 45 === 12) await requeueSome(base);
  if (second % 120 === 0) await startCampaign(base, second);
  if (second % 6 === 0) await startOrder(base, 100 + second);
  if (second % 10 === 0) {
    const id = `approval-${1 + Math.floor(Math.random() * 8)}`;
    await call(base, "POST", `/actors/${id}/events`, { type: "APPROVE", by: "grace" });
    await startApproval(base, 10 + second);
  }
}

/** Passes the log on; resolves with the address once the program listens. */
async function addressOf(out: ReadableStream<Uint8Array>): Promise<string> {
  const found = Promise.withResolvers<string>();
  const timer = setTimeout(() => found.reject(new Error("It did not start")), START_MS);
  void (async () => {
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of out) {
      await Deno.stderr.write(chunk);
      text = (text + decoder.decode(chunk, { stream: true })).slice(-4_000);
      const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(text) ?? [];
      if (address && text.includes("Listening")) found.resolve(address);
    }
  })();
  try {
    return await found.promise;
  } finally {
    clearTimeout(timer);
  }
}

const child = new Deno.Command(Deno.execPath(), {
  args: ["run", "-A", "main.ts", "start"],
  cwd: new URL("..", import.meta.url),
  env: {
    PERDURA_STATE_DIR: Deno.env.get("PERDURA_STATE_DIR") ?? STATE_DIR,
    LOG_LEVEL: "info",
    NO_COLOR: "1",
    PERDURA_HTTP_ALLOW: "127.0.0.1",
  },
  stdout: "inherit",
  stderr: "piped",
}).spawn();
let isOver = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    isOver = true;
    void partner.shutdown();
    child.kill("SIGTERM");
  });
}
void child.status.then(() => isOver = true);
const base = await addressOf(child.stderr);
const say = (text: string) => Deno.stdout.write(new TextEncoder().encode(text + "\n"));
await fill(base);
await say(`A fleet lives at ${base}/ui/ (Ctrl+C ends it)`);
for (let second = 1; !isOver; second++) {
  await live(base, second).catch(() => {});
  await new Promise((done) => setTimeout(done, 1_000));
}
Deno.exit((await child.status).code);
