/** What clients do with schedules: make them, look at them, hold them, fire them now. */
import { type Clock, jittered, systemRandom } from "../core/clock.ts";
import { nextFires } from "../core/cron.ts";
import {
  InvalidInputError,
  NotFoundError,
  UnavailableError,
  UnknownMachineError,
  VersionConflictError,
} from "../core/errors.ts";
import { DEFAULT_TENANT } from "../core/job.ts";
import { canonical, findJsonIssue } from "../core/json.ts";
import { limits } from "../core/limits.ts";
import {
  dueOf,
  parseSchedule,
  rhythmOf,
  type ScheduleDefinition,
  scheduleIdSchema,
  type ScheduleInput,
  type ScheduleRun,
} from "../core/schedule.ts";
import type { Fire, ScheduleFilter, ScheduleLook, ScheduleRow, Store } from "../store/store.ts";
import type { Actors } from "./actors.ts";
import { nextDueOf, startActors, started } from "./firing.ts";
import type { Handlers } from "./handlers.ts";
import { InTurn } from "./in_turn.ts";
import { Intake } from "./intake.ts";
import { lanesOf, type RetryDefaults } from "./preparing.ts";
import { inputOf, jobFor } from "./schedule_targets.ts";

const TRIES = 5;
const PAUSE_MS = 20;
const PREVIEW_MAX = 1_000;

/** What schedules need. */
export interface SchedulesHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly handlers: Handlers;
  readonly defaults: RetryDefaults;
  /** Null: there are no actors here. */
  readonly actors: Actors | null;
}

/** Which schedule, at which version. */
export interface ScheduleAim {
  readonly tenantId?: string | null | undefined;
  /** Only at this version (If-Match). */
  readonly ifVersion?: number | null | undefined;
}

/** A schedule, and by how much it is behind. */
export interface ScheduleView extends ScheduleRow {
  /** Milliseconds since it came due and nobody fired it; 0: it is on time. */
  readonly latenessMs: number;
}

/** A fire time to come. */
export interface Preview {
  readonly fireAt: string;
  /** The same with its jitter: when it will start. */
  readonly dueAt: string;
}

/** The client side of schedules. */
export class Schedules {
  readonly #host: SchedulesHost;
  readonly #intake: Intake;
  readonly #turns = new InTurn();

  constructor(host: SchedulesHost) {
    this.#host = host;
    this.#intake = new Intake(host);
  }

  /** What is known here. */
  get handlers(): Handlers {
    return this.#host.handlers;
  }

  /**
   * Makes a schedule, or changes it. One whose time is left as it was keeps its next fire time; any
   * other fires next after now.
   *
   * @throws {InvalidInputError | UnknownTypeError | UnknownMachineError} Nothing was changed.
   * @throws {VersionConflictError}
   */
  async put(
    id: string,
    input: ScheduleInput | unknown,
    aim: ScheduleAim = {},
  ): Promise<{ schedule: ScheduleView; created: boolean }> {
    if (!scheduleIdSchema.safeParse(id).success) throw new InvalidInputError([BAD_ID]);
    const issue = findJsonIssue(input, "", limits.jsonDepthMax + 1);
    if (issue) throw new InvalidInputError([issue]);
    const tenantId = tenantOf(input, aim);
    return await this.#inTurn(id, { tenantId }, async () => {
      const { schedule: before, nowMs } = await this.#host.store.schedules.read(tenantId, id);
      demandVersion(before, id, aim);
      const { tenantId: _, ...definition } = parseSchedule(input, nowMs);
      this.#checkTarget({ tenantId, id, definition });
      if (before) await this.#startFired(before);
      const isWritten = await this.#write({ tenantId, id, definition, before, nowMs });
      if (!isWritten) return null;
      return { schedule: await this.get(id, { tenantId }), created: before === null };
    });
  }

  /**
   * The same for a schedule that stands in code: said again, it stays as it is; an operator's pause
   * outlives it.
   */
  async declare(id: string, input: ScheduleInput): Promise<void> {
    const tenantId = tenantOf(input, {});
    const { schedule: before, nowMs } = await this.#host.store.schedules.read(tenantId, id);
    const { tenantId: _, ...said } = parseSchedule(input, nowMs);
    const paused = before?.definition.paused ?? said.paused;
    const definition = { ...said, paused };
    if (before && canonical(before.definition) === canonical(definition)) return;
    await this.put(id, definition, { tenantId });
  }

  /** @throws {NotFoundError} */
  async get(id: string, aim: ScheduleAim = {}): Promise<ScheduleView> {
    return viewOf(await this.#look(id, aim));
  }

  /** One page of a tenant's schedules by id, after one. */
  async list(filter: ScheduleFilter, after: string, limit: number): Promise<ScheduleView[]> {
    const looks = await this.#host.store.schedules.list(filter, after, limit);
    return looks.flatMap(({ schedule, nowMs }) => schedule ? viewOf({ schedule, nowMs }) : []);
  }

  /** What became of its fire times, newest first, before one. @throws {NotFoundError} */
  async runs(
    id: string,
    aim: ScheduleAim,
    before: string | null,
    limit: number,
  ): Promise<ScheduleRun[]> {
    const { schedule: { tenantId } } = await this.#look(id, aim);
    return await this.#host.store.schedules.runs(tenantId, id, before, limit);
  }

  /** Its next fire times, as if it were not paused. @throws {NotFoundError} */
  async preview(id: string, aim: ScheduleAim, count: number): Promise<Preview[]> {
    const { schedule, nowMs } = await this.#look(id, aim);
    return previewOf(schedule, schedule.fireAt ? Date.parse(schedule.fireAt) - 1 : nowMs, count);
  }

  /** Deletes it. Its runs go on. @throws {NotFoundError | VersionConflictError} */
  async remove(id: string, aim: ScheduleAim = {}): Promise<void> {
    await this.#inTurn(id, aim, async () => {
      const { schedule } = await this.#look(id, aim);
      await this.#startFired(schedule);
      return await this.#host.store.schedules.remove(schedule) || null;
    });
  }

  /** Fires no more until it is resumed. @throws {NotFoundError | VersionConflictError} */
  pause(id: string, aim: ScheduleAim = {}): Promise<ScheduleView> {
    return this.#setPaused(id, aim, true);
  }

  /** Fires again, next after now: what it was paused for is not missed. */
  resume(id: string, aim: ScheduleAim = {}): Promise<ScheduleView> {
    return this.#setPaused(id, aim, false);
  }

  /**
   * Starts a run now, paused or not, whatever else runs. Its fire times stay as they are.
   *
   * @throws {NotFoundError}
   * @throws {RateLimitedError} Its queue drains, or its tenant has too many waiting.
   */
  async trigger(id: string, aim: ScheduleAim = {}): Promise<ScheduleRun> {
    const { store } = this.#host;
    return await this.#inTurn(id, aim, async (tries) => {
      const { schedule, nowMs } = await this.#look(id, aim);
      this.#checkTarget(schedule);
      // Two at once are two runs.
      const fireMs = nowMs + tries;
      const host = {
        ...this.#host,
        intake: this.#intake,
        machines: this.#host.actors?.machines ?? [],
      };
      const line = await started(host, schedule, fireMs, "trigger", false);
      const [done] = await store.schedules.fire([unmoved(schedule, [line])]);
      if (!done) return null;
      if (line.job) store.hint({ kind: "lanes", lanes: lanesOf([line.job]) });
      else await startActors(host);
      const before = new Date(fireMs + 1).toISOString();
      const runs = await store.schedules.runs(schedule.tenantId, id, before, 5);
      return runs.find(({ jobId, actorId }) =>
        line.job ? jobId === line.job.id : actorId === line.actorId
      ) ?? null;
    });
  }

  async #setPaused(id: string, aim: ScheduleAim, paused: boolean): Promise<ScheduleView> {
    return await this.#inTurn(id, aim, async () => {
      const look = await this.#look(id, aim);
      const { schedule: before, nowMs } = look;
      if (before.definition.paused === paused) return viewOf(look);
      const { tenantId } = before;
      const definition = { ...before.definition, paused };
      const isWritten = await this.#write({ tenantId, id, definition, before, nowMs });
      return isWritten ? await this.get(id, { tenantId }) : null;
    });
  }

  /** Tries until nobody is in the way: of this process one at a time. @param attempt null: in vain. */
  #inTurn<T>(
    id: string,
    { tenantId }: ScheduleAim,
    attempt: (tries: number) => Promise<T | null>,
  ): Promise<T> {
    return this.#turns.run(`${tenantId ?? DEFAULT_TENANT}\n${id}`, async () => {
      for (let tries = 0; tries < TRIES; tries++) {
        // Another process is at it, mostly for the length of a statement.
        const pauseMs = jittered(PAUSE_MS * tries, systemRandom, 0.5);
        if (tries > 0) await new Promise((done) => setTimeout(done, pauseMs));
        const done = await attempt(tries);
        if (done !== null) return done;
      }
      throw new UnavailableError(`Schedule "${id}" is being changed; send it again`);
    });
  }

  /** What has fired is started as it was meant then; who fires next is noticed by the fire time. */
  async #startFired(schedule: ScheduleRow): Promise<void> {
    const { store, actors } = this.#host;
    await startActors({ store, actors, machines: actors?.machines ?? [] }, schedule);
  }

  #write(wanted: {
    tenantId: string;
    id: string;
    definition: ScheduleDefinition;
    before: ScheduleRow | null;
    nowMs: number;
  }): Promise<boolean> {
    const { tenantId, id, definition, before, nowMs } = wanted;
    const { schedules } = this.#host.store;
    const isSameTime = before !== null && timeOf(before.definition) === timeOf(definition);
    const anchorMs = isSameTime ? before.anchorMs : nowMs;
    const rhythm = rhythmOf(definition, anchorMs);
    const keeps = isSameTime && before.fireAt !== null;
    const [next = null] = keeps ? [Date.parse(before.fireAt ?? "")] : nextFires(rhythm, nowMs, 1);
    const fireMs = definition.paused ? null : next;
    const row = {
      ...{ tenantId, id, definition },
      fireAt: instantOf(fireMs),
      dueAt: instantOf(nextDueOf({ tenantId, id, definition }, fireMs)),
      anchorAt: new Date(anchorMs).toISOString(),
    };
    return before ? schedules.change(before, row) : schedules.add(row);
  }

  /** @throws {UnknownTypeError | UnknownMachineError | InvalidInputError} */
  #checkTarget(schedule: Pick<ScheduleRow, "tenantId" | "id" | "definition">): void {
    const { definition } = schedule;
    const { actors } = this.#host;
    if (definition.machine === undefined) {
      jobFor(this.#host, schedule, 0, true);
      return;
    }
    if (!actors) throw new UnknownMachineError(definition.machine, "machine", []);
    actors.checkStart({
      machine: definition.machine,
      input: inputOf(actors, definition, 0),
      tenantId: schedule.tenantId,
    });
  }

  async #look(id: string, aim: ScheduleAim): Promise<{ schedule: ScheduleRow; nowMs: number }> {
    const tenantId = aim.tenantId ?? DEFAULT_TENANT;
    const { schedule, nowMs } = await this.#host.store.schedules.read(tenantId, id);
    if (!schedule) throw new NotFoundError("schedule", id);
    demandVersion(schedule, id, aim);
    return { schedule, nowMs };
  }
}

const BAD_ID = {
  path: "id",
  message: "Use 1 to 128 letters, digits and _ . : @ -, beginning with a letter, digit or _",
};

/** The next fire times of a definition. */
function previewOf(
  schedule: Pick<ScheduleRow, "tenantId" | "id" | "definition" | "anchorMs">,
  afterMs: number,
  count: number,
): Preview[] {
  const { tenantId, id, definition, anchorMs } = schedule;
  const times = nextFires(rhythmOf(definition, anchorMs), afterMs, Math.min(count, PREVIEW_MAX));
  return times.map((ms) => ({
    fireAt: new Date(ms).toISOString(),
    dueAt: new Date(dueOf(`${tenantId}\n${id}`, ms, definition.jitterMs)).toISOString(),
  }));
}

function viewOf({ schedule, nowMs }: ScheduleLook & { schedule: ScheduleRow }): ScheduleView {
  const { dueAt } = schedule;
  return { ...schedule, latenessMs: dueAt ? Math.max(0, nowMs - Date.parse(dueAt)) : 0 };
}

/** A fire that leaves the schedule where it is. */
function unmoved(schedule: ScheduleRow, lines: Fire["lines"]): Fire {
  const ms = (instant: string | null) => instant === null ? null : Date.parse(instant);
  return {
    schedule,
    nextFireMs: ms(schedule.fireAt),
    nextDueMs: ms(schedule.dueAt),
    bufferedMs: ms(schedule.bufferedFor),
    lines,
  };
}

function demandVersion(schedule: ScheduleRow | null, id: string, { ifVersion }: ScheduleAim): void {
  if (ifVersion === null || ifVersion === undefined) return;
  if (!schedule) throw new NotFoundError("schedule", id);
  if (schedule.version !== ifVersion) {
    throw new VersionConflictError(ifVersion, schedule.version, true);
  }
}

function tenantOf(input: unknown, { tenantId }: ScheduleAim): string {
  if (tenantId !== null && tenantId !== undefined) return tenantId;
  const isObject = typeof input === "object" && input !== null;
  return isObject && "tenantId" in input && typeof input.tenantId === "string"
    ? input.tenantId
    : DEFAULT_TENANT;
}

/** What says when a schedule fires. */
function timeOf({ cron, everyMs, timeZone = "UTC" }: ScheduleDefinition): string {
  return JSON.stringify([cron, everyMs, timeZone]);
}

function instantOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
