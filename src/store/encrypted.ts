/**
 * The store with payloads and outputs encrypted on the way in and decrypted on the way out.
 *
 * Everything above works on plain values; everything below, the database with its dumps, replicas and
 * logs among it, sees ciphertext. Metadata, tags, progress, results of steps, errors and what actors hold
 * stay plain.
 */
import type { Cipher, Place } from "../core/cipher.ts";
import type { Job, JobInsert } from "../core/job.ts";
import { isJson, type Json } from "../core/json.ts";
import { over } from "../core/over.ts";
import type { ScheduleDefinition } from "../core/schedule.ts";
import { payloadHash } from "./inserting.ts";
import type {
  Burial,
  Change,
  ClaimedJob,
  Edit,
  Fire,
  MemberStore,
  NewMember,
  Refusal,
  ScheduleLook,
  ScheduleRow,
  ScheduleStore,
  ScheduleWrite,
  Store,
  UniqueStore,
} from "./store.ts";

/** Wraps a store: the same calls, with the same promises. */
export function encryptedStore(store: Store, cipher: Cipher): Store {
  const { sealJobs, sealChanges, open, openAll, openClaimed } = envelopes(cipher);
  const sealFire = async (fire: Fire): Promise<Fire> => ({
    ...fire,
    lines: await Promise.all(fire.lines.map(async (line) => {
      const [job = null] = await sealJobs(line.job ? [line.job] : []);
      return { ...line, job };
    })),
  });
  const changed: Partial<Store> = {
    insert: async (jobs) => await store.insert(await sealJobs(jobs)),
    enter: async (jobs, ...rest) => await store.enter(await sealJobs(jobs), ...rest),
    insertIn: async (send, jobs) => await store.insertIn(send, await sealJobs(jobs)),
    enterStarted: async (jobs, lease) => {
      const started = await store.enterStarted(await sealJobs(jobs), lease);
      return started && await openClaimed(started);
    },
    get: async (tenantId, id) => {
      const job = await store.get(tenantId, id);
      return job && await open(job);
    },
    list: async (filter, before, limit) => await openAll(await store.list(filter, before, limit)),
    claim: async (request) => await openClaimed(await store.claim(request)),
    leased: async (leaseId) => await openClaimed(await store.leased(leaseId)),
    commit: async (worker, changes) => {
      const sealed = await sealChanges(changes);
      const refusals = await store.commit(worker, sealed);
      return refusals.map((refusal) => withOriginal(refusal, sealed, changes));
    },
    edit: async (job, decision, edit) =>
      await store.edit(job, decision, await withSealed(job, edit, cipher)),
    transaction: async (by, write, finish, also) => {
      // Sealed before the last statement, which may not be waited for.
      let ready: Change | null = null;
      return await store.transaction(
        by,
        async (sql) => {
          const result = await write(sql);
          [ready = null] = await sealChanges([finish(result)]);
          return result;
        },
        (result) => ready ?? finish(result),
        also,
      );
    },
    gates: over(store.gates, {
      claim: async (request) => {
        const { jobs, ...rest } = await store.gates.claim(request);
        return { ...rest, jobs: await openClaimed(jobs) };
      },
    }),
    schedules: over(sealedSchedules(store.schedules, cipher), {
      fire: async (fires) => await store.schedules.fire(await Promise.all(fires.map(sealFire))),
    }),
    members: sealedMembers(store.members, sealJobs),
    uniques: sealedUniques(store.uniques, cipher, sealJobs),
    inbox: over(store.inbox, {
      take: async (jobs) => await store.inbox.take(await sealJobs(jobs)),
      bury: async (job, burial) =>
        await store.inbox.bury(job, await withSealed(job, burial, cipher)),
    }),
  };
  return over(store, changed);
}

/** The payload of a schedule's jobs, or the input of its actors, until they have it. */
function sealedSchedules(schedules: ScheduleStore, cipher: Cipher): ScheduleStore {
  const placeIn = ({ tenantId, id }: Named, field: "payload" | "input"): Place =>
    placeOf(
      { tenantId, id: field === "payload" ? `schedule ${id}` : `schedule ${id} ${field}` },
      "payload",
    );
  const mapped = async (
    definition: ScheduleDefinition,
    map: (value: unknown, field: "payload" | "input") => Promise<unknown>,
  ): Promise<ScheduleDefinition> => {
    const { payload, input } = definition;
    return {
      ...definition,
      ...payload === undefined ? {} : { payload: await map(payload, "payload") },
      ...input === undefined ? {} : { input: await map(input, "input") },
    };
  };
  const seal = async (write: ScheduleWrite): Promise<ScheduleWrite> => ({
    ...write,
    definition: await mapped(
      write.definition,
      async (value, field) =>
        JSON.parse(await cipher.encrypt(JSON.stringify(value), placeIn(write, field))),
    ),
  });
  const opened = (definition: ScheduleDefinition, name: Named) =>
    mapped(
      definition,
      async (value, field) =>
        isJson(value) ? await cipher.decrypt(value, placeIn(name, field)) : value,
    );
  const open = async (row: ScheduleRow): Promise<ScheduleRow> => ({
    ...row,
    definition: await opened(row.definition, row),
  });
  const openLook = async ({ schedule, nowMs }: ScheduleLook): Promise<ScheduleLook> => ({
    nowMs,
    schedule: schedule && await open(schedule),
  });
  return over(schedules, {
    add: async (write) => await schedules.add(await seal(write)),
    change: async (before, write) => await schedules.change(before, await seal(write)),
    read: async (tenantId, id) => await openLook(await schedules.read(tenantId, id)),
    list: async (filter, after, limit) =>
      await Promise.all((await schedules.list(filter, after, limit)).map(openLook)),
    unstarted: async (machines, limit, of) =>
      await Promise.all((await schedules.unstarted(machines, limit, of)).map(async (run) => ({
        ...run,
        definition: await opened(run.definition, { tenantId: run.tenantId, id: run.scheduleId }),
      }))),
    due: async (startable, limit) =>
      await Promise.all((await schedules.due(startable, limit)).map(async (due) => ({
        ...due,
        schedule: await open(due.schedule),
      }))),
  });
}

function sealedMembers(
  members: MemberStore,
  sealJobs: (jobs: readonly JobInsert[]) => Promise<JobInsert[]>,
): MemberStore {
  const seal = async (all: readonly NewMember[]) => {
    const rows = await sealJobs(all.map(({ row }) => row));
    return all.map((member, at) => ({ ...member, row: rows[at] ?? member.row }));
  };
  return over(members, {
    insertIn: async (send, opener, all) => await members.insertIn(send, opener, await seal(all)),
    beginIn: async (send, owner, all) => await members.beginIn(send, owner, await seal(all)),
  });
}

function sealedUniques(
  uniques: UniqueStore,
  cipher: Cipher,
  sealJobs: (jobs: readonly JobInsert[]) => Promise<JobInsert[]>,
): UniqueStore {
  return over(uniques, {
    take: async (job, taking) => {
      const [sealed = job] = await sealJobs([job]);
      return await uniques.take(sealed, taking);
    },
    edit: async (job, decision, edit) =>
      await uniques.edit(job, decision, await withSealed(job, edit, cipher)),
    within: (send) => sealedUniques(uniques.within(send), cipher, sealJobs),
  });
}

/** The same with its payload, if it has one, sealed for this job. */
async function withSealed<T extends Pick<Edit | Burial, "payloadJson">>(
  job: Named,
  given: T,
  cipher: Cipher,
): Promise<T> {
  const { payloadJson } = given;
  if (payloadJson === null) return given;
  return { ...given, payloadJson: await cipher.encrypt(payloadJson, placeOf(job, "payload")) };
}

function envelopes(cipher: Cipher) {
  const decrypt = (value: Json, job: Named, field: Place["field"]) =>
    value === null ? null : cipher.decrypt(value, placeOf(job, field));
  const open = async (job: Job): Promise<Job> => ({
    ...job,
    payload: await decrypt(job.payload, job, "payload"),
    output: await decrypt(job.output, job, "output"),
  });
  return {
    open,
    openAll: (jobs: readonly Job[]) => Promise.all(jobs.map(open)),
    openClaimed: (jobs: readonly ClaimedJob[]): Promise<ClaimedJob[]> =>
      Promise.all(jobs.map(async (job) => {
        // A claimed job reads these when it is asked: a copy of its fields would not have them.
        const { backoff, metadata, tags, createdAt, failedTrace = null } = job;
        const payload = await decrypt(job.payload, job, "payload");
        return { ...job, backoff, metadata, tags, createdAt, failedTrace, payload };
      })),
    /** The hash is of what was sent: two ciphertexts of one payload are never alike. */
    sealJobs: (jobs: readonly JobInsert[]): Promise<JobInsert[]> =>
      Promise.all(jobs.map(async (job) => ({
        ...job,
        ...job.idempotencyKey === null ? {} : { payloadHash: payloadHash(job) },
        payloadJson: await cipher.encrypt(job.payloadJson, placeOf(job, "payload")),
      }))),
    sealChanges: (changes: readonly Change[]): Promise<Change[]> =>
      Promise.all(changes.map(async (change) =>
        change.output === null ? change : {
          ...change,
          output: await cipher.encrypt(change.output, placeOf(change, "output")),
        }
      )),
  };
}

interface Named {
  readonly tenantId: string;
  readonly id: string;
}

function placeOf({ tenantId, id }: Named, field: Place["field"]): Place {
  return { tenantId, jobId: id, field };
}

/** Whoever asked knows its own changes. */
function withOriginal(
  refusal: Refusal,
  sealed: readonly Change[],
  changes: readonly Change[],
): Refusal {
  return { ...refusal, change: changes[sealed.indexOf(refusal.change)] ?? refusal.change };
}
