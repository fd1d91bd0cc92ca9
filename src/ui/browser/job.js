/** One job: its chart, its past step by step, and what it accepts now. */
import { call, follow, send } from "./api.js";
import { showChart } from "./chart.js";
import { clock, duration, fill, h, jsonBlock, pill, toast } from "./dom.js";

/** Shows the page until `signal` aborts. */
export async function jobPage(main, id, signal) {
  document.title = `Job ${id.slice(-12)} · Perdura`;
  const job = await call(`/jobs/${id}`);
  const steps = await allSteps(id);
  // Somebody went on to another page while this one was on its way.
  if (signal.aborted) return;
  const view = new JobView(main, job, steps);
  view.chart = await showChart(view.canvas, "job");
  if (signal.aborted) return;
  view.showStep(view.wantedStep());
  addEventListener("keydown", (event) => view.onKey(event), { signal });
  const on = { step: (step) => view.addStep(step), job: (next) => view.showJob(next) };
  void follow(() => `?job=${id}&after=${view.steps.at(-1)?.version ?? 0}`, on, signal);
}

async function allSteps(id) {
  const steps = [];
  for (let cursor = "0"; cursor !== null;) {
    const page = await call(`/jobs/${id}/transitions?limit=1000&cursor=${cursor}`);
    steps.push(...page.items);
    cursor = page.nextCursor;
  }
  return steps;
}

/** What is on the page. */
class JobView {
  constructor(main, job, steps) {
    this.steps = steps;
    this.index = steps.length - 1;
    this.isFollowing = true;
    this.chart = null;
    this.head = h("div", { class: "head" });
    this.actions = h("div", { class: "actions", role: "group", "aria-label": "Events" });
    this.canvas = h("div", { class: "canvas" });
    this.list = h("ol", { class: "steps", "aria-label": "History" });
    this.detail = h("section", { class: "detail", "aria-live": "polite" });
    this.facts = h("section", { class: "facts" });
    const move = (name, label, to) =>
      h(
        "button",
        { type: "button", "aria-label": label, onclick: () => this.showStep(to()) },
        name,
      );
    this.position = h("output", {});
    this.controls = h(
      "div",
      { class: "controls" },
      move("|◀", "First step", () => 0),
      move("◀", "Step back", () => this.index - 1),
      this.position,
      move("▶", "Step on", () => this.index + 1),
      move("▶|", "Latest step", () => this.steps.length - 1),
    );
    fill(
      main,
      this.head,
      this.actions,
      h(
        "div",
        { class: "columns" },
        h("div", {}, this.canvas, this.controls, this.detail),
        h("aside", {}, h("h2", {}, "History"), this.list, this.facts),
      ),
    );
    this.showJob(job);
    this.showList();
  }

  /** The step of the address, or the latest. */
  wantedStep() {
    const wanted = Number(new URLSearchParams(location.search).get("step") ?? NaN);
    const found = this.steps.findIndex(({ version }) => version === wanted);
    this.isFollowing = found < 0;
    return found < 0 ? this.steps.length - 1 : found;
  }

  showJob(job) {
    // The answer to an event may come after what the stream told of the next ones.
    if (this.job && job.version < this.job.version) return;
    this.job = job;
    fill(
      this.head,
      h("h1", {}, h("span", { class: "mono" }, job.type), pill(job.state)),
      h("p", { class: "soft mono" }, job.id),
    );
    fill(this.actions, job.accepts.map((event) => this.button(event)));
    fill(this.facts, ...factsOf(job));
  }

  button(event) {
    const isGrave = event === "CANCEL";
    return h("button", {
      type: "button",
      class: isGrave ? "grave" : "",
      "data-event": event,
      onclick: () => void this.fire(event),
    }, event);
  }

  async fire(type) {
    const body = { type };
    if (type === "SCHEDULE") {
      const minutes = globalThis.prompt("In how many minutes?", "10");
      if (minutes === null) return;
      if (!(Number(minutes) >= 0)) return toast("Minutes must be a number");
      body.delayMs = Math.round(Number(minutes) * 60_000);
    }
    try {
      const headers = { "if-match": `"${this.job.version}"` };
      this.showJob(await send(`/jobs/${this.job.id}/events`, body, headers));
    } catch (error) {
      toast(error.message);
    }
  }

  addStep(step) {
    if (step.version <= (this.steps.at(-1)?.version ?? 0)) return;
    this.steps.push(step);
    this.showList();
    this.showStep(this.isFollowing ? this.steps.length - 1 : this.index);
  }

  showList() {
    fill(
      this.list,
      this.steps.map((step, index) =>
        h(
          "li",
          { "data-version": step.version },
          h(
            "button",
            { type: "button", onclick: () => this.showStep(index) },
            h("span", { class: "version" }, String(step.version)),
            h("span", { class: "event" }, step.event),
            pill(step.to),
            h("time", { datetime: step.at }, clock(step.at)),
          ),
        )
      ),
    );
  }

  showStep(index) {
    if (index < 0 || index >= this.steps.length) return;
    const isLatest = index === this.steps.length - 1;
    const hasMoved = index !== this.index;
    this.index = index;
    if (hasMoved) this.isFollowing = isLatest;
    const step = this.steps[index];
    this.chart?.light(this.steps, index);
    this.position.textContent = `${index + 1} / ${this.steps.length}`;
    for (const [at, item] of [...this.list.children].entries()) {
      if (at === index) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    const url = new URL(location.href);
    if (this.isFollowing) url.searchParams.delete("step");
    else url.searchParams.set("step", String(step.version));
    history.replaceState(null, "", url);
    fill(this.detail, ...detailOf(step, this.steps[index - 1], this.job));
  }

  onKey(event) {
    if (event.target instanceof HTMLInputElement) return;
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    this.showStep(this.index + move);
  }
}

function detailOf(step, before, job) {
  const took = before ? duration(Date.parse(step.at) - Date.parse(before.at)) : null;
  const facts = [
    ["Event", step.event],
    ["From", step.from ?? "–"],
    ["To", step.to],
    ["At", clock(step.at)],
    ["After", took ?? "–"],
    ["Attempt", String(step.attempt)],
    ["Cause", step.cause ?? "–"],
    ["Worker", step.worker ?? "–"],
  ];
  const isLastFailure = job.lastError && step.event === "FAIL" && step.attempt === job.attempt;
  const isFailure = ["FAIL", "LEASE_EXPIRED"].includes(step.event);
  const showsError = job.lastError && isFailure && (isLastFailure || job.attempt >= step.attempt);
  return [
    h("h2", {}, `Step ${step.version}: ${step.event}`),
    definitions(facts),
    showsError
      ? h("p", { class: "error" }, `${job.lastError.name}: ${job.lastError.message}`)
      : null,
  ].filter(Boolean);
}

function factsOf(job) {
  const parts = [
    h("h2", {}, "Job"),
    definitions([
      ["Tenant", job.tenantId],
      ["Queue", job.queue],
      ["Attempt", `${job.attempt} of ${job.maxAttempts}`],
      ["Crashes", String(job.crashes)],
      ["Priority", String(job.priority)],
      ["Run at", clock(job.runAt)],
      ["Created", clock(job.createdAt)],
      ["Started", clock(job.startedAt)],
      ["Finished", clock(job.finishedAt)],
      ...(job.cancelRequestedAt ? [["Cancel asked", clock(job.cancelRequestedAt)]] : []),
      ...(job.leaseUntil ? [["Lease until", clock(job.leaseUntil)]] : []),
      ...(job.tags.length > 0 ? [["Tags", job.tags.join(", ")]] : []),
      ["Key", job.idempotencyKey ?? "–"],
    ]),
  ];
  const blocks = [
    ["Payload", job.payload],
    ["Output", job.output],
    ["Last error", job.lastError],
    ["Progress", job.progress],
    ["Metadata", job.metadata],
  ];
  for (const [name, value] of blocks) {
    if (value !== null) parts.push(h("h2", {}, name), jsonBlock(value));
  }
  return parts;
}

function definitions(pairs) {
  return h("dl", {}, ...pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}
