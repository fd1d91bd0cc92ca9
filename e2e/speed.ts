/** `deno task speed`: how fast the pages are here and now; prints, and judges nothing. */
import type { Page } from "playwright-core";
import { openPage, startBrowser } from "./browser.ts";
import { post, type Program, startProgram } from "./program.ts";

const RUNS = 7;
const STEPS = 600;
const TABS = 200;

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1];
const say = (what: string, value: number | undefined, unit: string) =>
  Deno.stdout.write(
    new TextEncoder().encode(
      `${what.padEnd(58)} ${value?.toFixed(2).padStart(9)} ${unit}\n`,
    ),
  );

/** Until what has changed is painted. */
const PAINTED = `() => new Promise((done) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(0);
}))`;

await using program = await startProgram();
const browser = await startBrowser();
try {
  const { url } = program;
  await post(`${url}/actors`, {
    ...{
      machine: "order",
      id: "order-1",
      input: { total: 5, items: ["book"] },
    },
  });
  await firstPaint(url);
  await manySteps(url);
  await largeChart(url);
  await manyChanges(url);
  await manyTabs(program);
} finally {
  await browser.close();
}

async function firstPaint(url: string): Promise<void> {
  const times: number[] = [];
  for (let n = 0; n < RUNS; n++) {
    const page = await openPage(browser, []);
    await page.goto(`${url}/ui/actors/order-1`);
    await page.locator(".viewport svg").waitFor();
    times.push(
      await page.evaluate(() =>
        performance.getEntriesByName("first-contentful-paint")[0]?.startTime ??
          0
      ),
    );
    await page.close();
  }
  await say("instance page, first contentful paint", median(times), "ms");
}

/** Seconds of script that a page has run. */
async function scriptSeconds(
  page: Page,
  act: () => Promise<void>,
): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const read = async () =>
    (await session.send("Performance.getMetrics")).metrics
      .find(({ name }: { name: string }) => name === "ScriptDuration")?.value ??
      0;
  const before = await read();
  await act();
  return await read() - before;
}

async function manySteps(url: string): Promise<void> {
  for (let n = 0; n < STEPS; n++) {
    await post(`${url}/actors/order-1/events`, {
      type: n % 2 === 0 ? "HOLD" : "RELEASE",
    });
  }
  const page = await openPage(browser, []);
  await page.goto(`${url}/ui/actors/order-1`);
  await page.locator(".state.leaf.on").first().waitFor();
  const times: number[] = [];
  const script = await scriptSeconds(page, async () => {
    times.push(
      ...await page.evaluate(async (painted) => {
        const untilPainted = (0, eval)(painted);
        const found: number[] = [];
        for (let n = 0; n < 60; n++) {
          const begin = performance.now();
          dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
          found.push(await untilPainted() - begin);
        }
        return found;
      }, PAINTED),
    );
  });
  await say("a step back in time, to paint", median(times), "ms");
  await say("a step back in time, script", script / times.length * 1_000, "ms");
  const jumps: number[] = [];
  for (const step of [1, STEPS / 2, 1, STEPS / 2, 1]) {
    const begin = performance.now();
    await page.locator("input[type=range]").fill(String(step));
    await page.locator(".history tr[aria-current]", { hasText: String(step) })
      .waitFor();
    jumps.push(performance.now() - begin);
  }
  await say(
    `a jump in a past of ${STEPS} steps, with what it fetches`,
    median(jumps),
    "ms",
  );
  await page.close();
}

/** A chart of a hundred states: the one of orders four times. */
async function largeChart(url: string): Promise<void> {
  const chart = await (await fetch(`${url}/machines/order`)).json();
  const svg = await (await fetch(`${url}/machines/order/chart.svg`)).text();
  const inner = svg.slice(
    svg.indexOf("</defs>") + 7,
    svg.lastIndexOf("</svg>"),
  );
  const copies = [0, 1, 2, 3].map((n) =>
    `<g transform="translate(${n * 850} 0)">${
      inner.replaceAll(/data-(state|transition)="/g, `data-$1="${n}.`)
    }</g>`
  );
  const large = svg.slice(0, svg.indexOf("</defs>") + 7).replace(
    /viewBox="0 0 \d+/,
    (head) => head.replace(/\d+$/, "3400"),
  ) + copies.join("") + "</svg>";
  const renamed = <T extends { id: string }>(all: T[], n: number) =>
    all.map((each) => ({ ...each, id: `${n}.${each.id}` }));
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const page = await openPage(browser, []);
    const isChart = ({ pathname }: URL) => pathname === "/machines/order";
    await page.route(isChart, (route) =>
      route.fulfill({
        json: {
          ...chart,
          states: [0, 1, 2, 3].flatMap((n) => renamed(chart.states, n)),
          transitions: [0, 1, 2, 3].flatMap((n) =>
            renamed(chart.transitions, n)
          ),
        },
      }));
    await page.route(
      "**/chart.svg*",
      (route) => route.fulfill({ body: large, contentType: "image/svg+xml" }),
    );
    await page.goto(`${url}/ui/machines/order`);
    times.push(
      await page.evaluate(async (painted) => {
        while (!document.querySelector(".viewport svg")) {
          await new Promise((done) => setTimeout(done, 1));
        }
        const end = await (0, eval)(painted)();
        const [picture] = performance.getEntriesByType("resource").filter((
          { name },
        ) => name.includes("chart.svg"));
        return end -
          (picture instanceof PerformanceResourceTiming
            ? picture.responseEnd
            : 0);
      }, PAINTED),
    );
    await page.close();
  }
  await say(
    "a chart of 100 states, from its last byte to paint",
    median(times),
    "ms",
  );
}

/** What a stream would send, five thousand times a second: the page folds it. */
async function manyChanges(url: string): Promise<void> {
  const page = await openPage(browser, []);
  await page.addInitScript(() => {
    class Flood extends EventTarget {
      onopen: (() => void) | null = null;
      onerror: (() => void) | null = null;
      readyState = 1;
      #timer = 0;
      constructor() {
        super();
        let n = 0;
        setTimeout(() => this.onopen?.(), 0);
        let last = performance.now();
        this.#timer = setInterval(() => {
          const now = performance.now();
          for (; last < now; last += .2) {
            const data = JSON.stringify([
              { queue: "default", state: "running", count: n % 50 },
              { queue: "default", state: "succeeded", count: n++ },
            ]);
            this.dispatchEvent(new MessageEvent("counts", { data }));
          }
          Reflect.set(globalThis, "flooded", n);
        }, 4);
      }
      close() {
        clearInterval(this.#timer);
      }
    }
    Reflect.set(globalThis, "EventSource", Flood);
  });
  await page.goto(`${url}/ui/machines/job`);
  await page.locator(".viewport svg").waitFor();
  const { fps, perSecond } = await page.evaluate(async () => {
    const begin = performance.now();
    const before = Number(Reflect.get(globalThis, "flooded"));
    let frames = 0;
    while (performance.now() - begin < 8_000) {
      await new Promise(requestAnimationFrame);
      frames++;
    }
    const seconds = (performance.now() - begin) / 1_000;
    const sent = Number(Reflect.get(globalThis, "flooded")) - before;
    return { fps: frames / seconds, perSecond: sent / seconds };
  });
  await say("changes a second on the heat map", perSecond, "/s");
  await say("frames a second meanwhile", fps, "/s");
  await page.close();
}

/** Processor time of the program, with and without two hundred open tabs, a job now and then. */
async function manyTabs({ url, pid }: Program): Promise<void> {
  const ticks = async () => {
    const text = await Deno.readTextFile(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  };
  const used = async (seconds: number) => {
    const before = await ticks();
    for (let n = 0; n < seconds; n++) {
      await post(`${url}/jobs`, { type: "debug.noop" });
      await new Promise((done) => setTimeout(done, 1_000));
    }
    return (await ticks() - before) / seconds * 100;
  };
  const without = await used(10);
  const gone = new AbortController();
  const tabs = Array.from({ length: TABS }, async () => {
    const response = await fetch(`${url}/stream`, { signal: gone.signal });
    await response.body?.pipeTo(new WritableStream()).catch(() => {});
  });
  await used(2);
  const cost = await used(10) - without;
  gone.abort();
  await Promise.allSettled(tabs);
  await say(`${TABS} open tabs, of one core`, cost, "%");
}
