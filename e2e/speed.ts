/** `deno task speed`: how fast the pages are here and now; prints, and judges nothing. */
import type { Browser, Page } from "playwright-core";
import { openPage, startBrowser } from "./browser.ts";
import { post, startProgram } from "./program.ts";
import { type Answer, keysOf } from "./trace.ts";

const RUNS = 7;
const STEPS = 600;
/** So often a step is taken: by somebody who looks at each, and by a key that is held down. */
const TIMES = 40;
const REST_MS = 400;
const HELD_MS = 33;
const TABS = 200;
/** Steps of a long past. */
const PAST = 100_000;

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1];
const report = (line: string) =>
  Deno.stdout.write(new TextEncoder().encode(`${line}\n`));
const say = (what: string, value: number | undefined, unit: string) =>
  report(`${what.padEnd(58)} ${value?.toFixed(2).padStart(9)} ${unit}`);

/** Until what has changed is painted. */
const PAINTED = `() => new Promise((done) => requestAnimationFrame(() => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => done(performance.now());
  port2.postMessage(0);
}))`;
/**
 * Until what is looked for is there, before the frame that shows it: who asks again and again is told
 * after it, and would wait for another.
 */
const THERE = `(what) => new Promise((done) => {
  const look = () => {
    if (!document.querySelector(what)) return;
    observer.disconnect();
    done();
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { subtree: true, childList: true, attributes: true });
  look();
})`;

await using program = await startProgram();
// Frames as fast as they come: a screen would add up to a sixtieth of a second to each.
const browser = await startBrowser([
  "--disable-frame-rate-limit",
  "--disable-gpu-vsync",
]);
const screen = await startBrowser();
const { url } = program;
await post(`${url}/actors`, {
  ...{
    machine: "order",
    id: "order-1",
    input: { total: 5, items: ["book"] },
  },
});
const parts = {
  firstPaint,
  manySteps,
  longPast,
  largeChart,
  manyChanges,
  manyTabs,
};
const wanted = Deno.args.length === 0 ? Object.keys(parts) : Deno.args;
try {
  for (const [name, part] of Object.entries(parts)) {
    if (!wanted.includes(name)) continue;
    await part().catch((error) => report(`${name} did not end: ${error}`));
  }
} finally {
  await browser.close();
  await screen.close();
}

async function firstPaint(): Promise<void> {
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

/** Keys as they come from a keyboard; frames as a screen shows them, and as fast as they come. */
async function manySteps(): Promise<void> {
  await haveSteps("order-1", STEPS);
  await stepsOn(screen, "60 Hz");
  await stepsOn(browser, "no screen");
}

async function stepsOn(browser: Browser, where: string): Promise<void> {
  const page = await openPage(browser, []);
  await page.goto(`${url}/ui/actors/order-1`);
  await page.locator(".state.leaf.on").first().waitFor();
  const session = await page.context().newCDPSession(page);
  const key = (type: "rawKeyDown" | "keyUp", autoRepeat: boolean) =>
    session.send("Input.dispatchKeyEvent", {
      ...{ type, autoRepeat, key: "ArrowLeft", code: "ArrowLeft" },
      windowsVirtualKeyCode: 37,
    });
  const press = async (times: number, everyMs: number, isHeld: boolean) => {
    for (let n = 0; n < times; n++) {
      await key("rawKeyDown", isHeld && n > 0);
      if (!isHeld) await key("keyUp", false);
      await new Promise((done) => setTimeout(done, everyMs));
    }
    if (isHeld) await key("keyUp", false);
  };
  // Compiled, as it is for whoever has stepped a little.
  await press(40, HELD_MS, true);
  for (
    const [kind, everyMs] of [["a step", REST_MS], [
      "a held key's step",
      HELD_MS,
    ]] as const
  ) {
    const isHeld = everyMs === HELD_MS;
    const keys = await keysOf(
      browser,
      page,
      () => press(TIMES, everyMs, isHeld),
    );
    const { answers, frame, whole } = keys;
    const name = `${kind}, ${where}`;
    const middle = (of: (answer: Answer) => number) => median(answers.map(of));
    await say(
      `${name}: key to frame handed over`,
      middle((each) => each.handedOver),
      "ms",
    );
    await say(
      `${name}: key to frame shown`,
      middle((each) => each.shown),
      "ms",
    );
    for (const part of ["script", "style", "layout", "paint"] as const) {
      await say(
        `${name}: ${part} in that frame, processor time`,
        frame[part],
        "ms",
      );
    }
    await say(`${name}: elements restyled in it`, frame.restyled, "");
    await say(`${name}: script, with what follows`, whole.script, "ms");
  }
  const [handled, painted] = await stepsInPage(page);
  await say(`a step, ${where}: handled, by the page itself`, handled, "ms");
  await say(`a step, ${where}: painted, by the page itself`, painted, "ms");
  await page.close();
}

/** What a page can tell of its own steps, with nothing traced: medians of what a key takes, and to paint. */
async function stepsInPage(page: Page): Promise<(number | undefined)[]> {
  const times = await page.evaluate(async ({ painted, count, restMs }) => {
    const untilPainted = (0, eval)(painted);
    const found: [number, number][] = [];
    for (let n = 0; n < count; n++) {
      await new Promise((done) => setTimeout(done, restMs));
      const key = n % 20 < 10 ? "ArrowLeft" : "ArrowRight";
      const begin = performance.now();
      document.body.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true }),
      );
      const handled = performance.now() - begin;
      found.push([handled, await untilPainted() - begin]);
    }
    return found;
  }, { painted: PAINTED, count: TIMES, restMs: REST_MS });
  return [0, 1].map((which) => median(times.map((each) => each[which] ?? 0)));
}

/** Holds and releases an order so many times, once it is being picked. */
async function haveSteps(id: string, steps: number): Promise<void> {
  const isPicking = async () => {
    const actor = await (await fetch(`${url}/actors/${id}`)).json();
    return String(actor.state).includes("picking");
  };
  while (!await isPicking()) await new Promise((done) => setTimeout(done, 100));
  for (let n = 0; n < steps; n++) {
    const type = n % 2 === 0 ? "HOLD" : "RELEASE";
    await post(`${url}/actors/${id}/events`, { type });
  }
}

/** Its own steps again and again: as if somebody had sent them for a month. */
async function longPast(): Promise<void> {
  await post(`${url}/actors`, {
    ...{
      machine: "order",
      id: "order-2",
      input: { total: 5, items: ["lamp"] },
    },
  });
  await haveSteps("order-2", 300);
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--config", "deno.json", "e2e/long_past.ts"],
      ...[program.stateDir, "order-2", String(PAST)],
    ],
    cwd: new URL("..", import.meta.url),
  }).output();
  if (!success) throw new Error("The past could not be made");
  await openedByLink();
  const opened: number[] = [];
  const jumps: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const page = await openPage(browser, []);
    await page.goto(`${url}/ui/actors/order-2`);
    await page.locator(".history tr[aria-current]").waitFor();
    opened.push(
      await page.evaluate(() =>
        performance.getEntriesByName("first-contentful-paint")[0]?.startTime ??
          0
      ),
    );
    const times = await page.evaluate(async ({ painted, there, steps }) => {
      const [untilPainted, untilThere] = [painted, there].map(eval);
      const found: number[] = [];
      const slider = document.querySelector("input[type=range]");
      if (!(slider instanceof HTMLInputElement)) return found;
      for (const step of steps) {
        const begin = performance.now();
        slider.value = String(step);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        const row = `.history tr[data-version="${step}"][aria-current]`;
        await untilThere(row);
        found.push(await untilPainted() - begin);
        await new Promise((done) => setTimeout(done, 300));
      }
      return found;
    }, {
      painted: PAINTED,
      there: THERE,
      steps: [1, PAST / 2, PAST / 4, PAST / 3 | 0],
    });
    jumps.push(...times);
    await page.close();
  }
  await say(
    `a past of ${PAST} steps opened, first contentful paint`,
    median(opened),
    "ms",
  );
  await say(
    `a jump in a past of ${PAST} steps, with what it fetches, to paint`,
    median(jumps),
    "ms",
  );
}

/** From the list of actors, by a pointer that has come to the link, and by a key that has not. */
async function openedByLink(): Promise<void> {
  for (const how of ["a pointer", "a key"]) {
    const histories: number[] = [];
    const charts: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const page = await openPage(browser, []);
      await page.goto(`${url}/ui/actors`);
      const link = page.locator('a[href="/ui/actors/order-2"]');
      await link.waitFor();
      await (how === "a pointer" ? link.hover() : link.focus());
      await page.waitForFunction(() =>
        performance.getEntriesByType("resource").some(({ name }) =>
          /\/actor-\w+\.js$/.test(name)
        )
      );
      await new Promise((done) => setTimeout(done, REST_MS));
      const [history, chart] = await opening(page);
      histories.push(history ?? NaN);
      charts.push(chart ?? NaN);
      await page.close();
    }
    const name = `a past of ${PAST} steps, opened by ${how}`;
    await say(`${name}: history painted`, median(histories), "ms");
    await say(`${name}: chart painted`, median(charts), "ms");
  }
}

/** From a link that is followed to what is painted: the history, and the chart with what is lit. */
function opening(page: Page): Promise<number[]> {
  return page.evaluate(({ painted, there }) => {
    const [untilPainted, untilThere] = [painted, there].map(eval);
    const link = document.querySelector('a[href="/ui/actors/order-2"]');
    const begin = performance.now();
    const shown = async (what: string) => {
      await untilThere(what);
      return await untilPainted() - begin;
    };
    if (link instanceof HTMLElement) link.click();
    return Promise.all([
      shown(".history tr[aria-current]"),
      shown(".viewport svg .on"),
    ]);
  }, { painted: PAINTED, there: THERE });
}

async function largeChart(): Promise<void> {
  for (const copies of [4, 16]) await chartOf(copies);
}

/** A large chart: the one of orders so many times. */
async function chartOf(count: number): Promise<void> {
  const chart = await (await fetch(`${url}/machines/order`)).json();
  const svg = await (await fetch(`${url}/machines/order/chart.svg`)).text();
  const inner = svg.slice(
    svg.indexOf("</defs>") + 7,
    svg.lastIndexOf("</svg>"),
  );
  const all = Array.from({ length: count }, (_, n) => n);
  const copies = all.map((n) =>
    movedBy(n * 850, inner).replaceAll(
      /data-(state|transition)="/g,
      `data-$1="${n}.`,
    )
  );
  const large = svg.slice(0, svg.indexOf("</defs>") + 7).replace(
    /viewBox="0 0 \d+/,
    (head) => head.replace(/\d+$/, String(850 * count)),
  ) + copies.join("") + "</svg>";
  const renamed = <T extends { id: string }>(all: T[], n: number) =>
    all.map((each) => ({ ...each, id: `${n}.${each.id}` }));
  const inserts: number[] = [];
  const times: number[] = [];
  const wholes: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const page = await openPage(browser, []);
    const isChart = ({ pathname }: URL) => pathname === "/machines/order";
    await page.route(isChart, (route) =>
      route.fulfill({
        json: {
          ...chart,
          states: all.flatMap((n) => renamed(chart.states, n)),
          transitions: all.flatMap((n) => renamed(chart.transitions, n)),
        },
      }));
    await page.route(
      "**/chart.svg*",
      (route) => route.fulfill({ body: large, contentType: "image/svg+xml" }),
    );
    await page.addInitScript(() => {
      const parse = DOMParser.prototype.parseFromString;
      DOMParser.prototype.parseFromString = function (...all) {
        performance.mark("parsed from here");
        return parse.apply(this, all);
      };
    });
    await page.goto(`${url}/ui/machines/order`);
    const { inserted, painted, whole } = await page.evaluate(
      async (painted) => {
        // At once: later on the policy of the page forbids it.
        const untilPainted = (0, eval)(painted);
        while (!document.querySelector(".viewport svg")) {
          await new Promise((done) => setTimeout(done, 1));
        }
        const end = await untilPainted();
        while (document.querySelector(".viewport svg[aria-busy]")) {
          await new Promise((done) => setTimeout(done, 1));
        }
        const whole = await untilPainted();
        const [picture] = performance.getEntriesByType("resource").filter((
          { name },
        ) => name.includes("chart.svg"));
        const begin = picture instanceof PerformanceResourceTiming
          ? picture.responseEnd
          : 0;
        const [parse] = performance.getEntriesByName("parsed from here");
        const inserted = end - (parse?.startTime ?? 0);
        return { inserted, painted: end - begin, whole: whole - begin };
      },
      PAINTED,
    );
    inserts.push(inserted);
    times.push(painted);
    wholes.push(whole);
    await page.close();
  }
  await say(
    `a chart of ${25 * count} states, parsed and inserted to paint`,
    median(inserts),
    "ms",
  );
  await say(
    `… from its last byte to paint`,
    median(times),
    "ms",
  );
  await say(
    `… with what of it is out of sight`,
    median(wholes),
    "ms",
  );
}

/** A drawing further to the right: where things are, not how they are shaped. */
function movedBy(x: number, drawing: string): string {
  const moved = (at: string) => String(Number(at) + x);
  return drawing
    .replaceAll(
      / (c?x)="([\d.]+)"/g,
      (_, name, at) => ` ${name}="${moved(at)}"`,
    )
    .replaceAll(/translate\(([\d.]+)/g, (_, at) => `translate(${moved(at)}`)
    .replaceAll(
      /<path (class="(?:line|rule)" )?d="([^"]*)"/g,
      (all, look = "", d: string) =>
        look === "" && !/^M[\d.]+ [\d.]+q/.test(d)
          ? all
          : `<path ${look}d="${
            d.replaceAll(
              /([MLQ])([\d.]+) ([\d.]+)(?: ([\d.]+) ([\d.]+))?|H([\d.]+)/g,
              (_, to, a, b, c, e, h) =>
                h === undefined
                  ? `${to}${moved(a)} ${b}${
                    c === undefined ? "" : ` ${moved(c)} ${e}`
                  }`
                  : `H${moved(h)}`,
            )
          }"`,
    );
}

/** What a stream would send, five thousand times a second: the page folds it. */
async function manyChanges(): Promise<void> {
  const page = await openPage(screen, []);
  await page.addInitScript(() => {
    class Flood extends EventTarget {
      onopen: (() => void) | null = null;
      onerror: (() => void) | null = null;
      readyState = 1;
      #timer: ReturnType<typeof setInterval>;
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
  const session = await page.context().newCDPSession(page);
  const heap = async () => {
    await session.send("HeapProfiler.collectGarbage");
    return (await session.send("Runtime.getHeapUsage")).usedSize / 2 ** 20;
  };
  const heapBefore = await heap();
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
  await say("what the heap has grown by", await heap() - heapBefore, "MB");
  await page.close();
}

/** Processor time of the program, with and without two hundred open tabs, a job now and then. */
async function manyTabs(): Promise<void> {
  const ticks = async () => {
    const text = await Deno.readTextFile(`/proc/${program.pid}/stat`);
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
