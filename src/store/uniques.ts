/** Keys of unique jobs on PostgreSQL. */
import { eventCode, stateCode } from "../core/codes.ts";
import { tagOf } from "../core/id.ts";
import type { Job, JobInsert } from "../core/job.ts";
import { type Decision, INITIAL_STATE, targetOf } from "../core/lifecycle.ts";
import * as sql from "../../sql/mod.ts";
import type { Database, Parameter } from "./database.ts";
import type { Enqueue } from "./enqueue.ts";
import { jobColumns } from "./inserting.ts";
import type { Edit, Placed, SendStatement } from "./records.ts";
import { field, shape, toJob, toPlaces } from "./rows.ts";
import { editJob } from "./single.ts";
import type {
  Follower,
  TidyCursor,
  UniqueHolder,
  UniqueStore,
  UniqueTaking,
} from "./unique_records.ts";

type Sender = Pick<Database, "query">;

/** The keys of a database. */
export class PostgresUniques implements UniqueStore {
  readonly #db: Sender;
  readonly #enqueue: Pick<Enqueue, "addTenants">;

  constructor(db: Sender, enqueue: Pick<Enqueue, "addTenants">) {
    this.#db = db;
    this.#enqueue = enqueue;
  }

  async take(job: JobInsert, taking: UniqueTaking): Promise<Placed | null> {
    // Outside of a caller's transaction: a new tenant would be locked until it commits.
    await this.#enqueue.addTenants([job]);
    const { key, windowMs, waitsFor, expected } = taking;
    const [row] = await this.#db.query(sql.uniqueTake, [
      stateCode(INITIAL_STATE),
      stateCode(targetOf("SCHEDULE")),
      eventCode("SCHEDULE"),
      ...jobColumns([job]),
      ...[key, windowMs, waitsFor, expected],
    ]);
    return row ? toPlaces(row).told.get(job.id) ?? null : null;
  }

  async holder(tenantId: string, key: string): Promise<UniqueHolder | null> {
    const [row] = await this.#db.query(sql.uniqueRead, [tenantId, key]);
    if (!row) return null;
    const r = shape<{ i: string; n: string; within: boolean; w: string | null }>(row);
    const [job] = await this.#db.query(sql.get, [tenantId, r.i, tagOf(r.i)]);
    return {
      jobId: r.i,
      number: r.n,
      isWithin: r.within,
      waits: r.w !== null,
      waitsFor: r.w,
      job: job ? toJob(job) : null,
    };
  }

  edit(job: Job, decision: Decision, edit: Edit): Promise<boolean> {
    return editJob(this.#db, job, decision, edit);
  }

  within(send: SendStatement): UniqueStore {
    const inside: Sender = {
      query: (text: string, parameters: readonly Parameter[] = []) => send(text, parameters),
    };
    return new PostgresUniques(inside, this.#enqueue);
  }

  async followers(limit: number): Promise<Follower[]> {
    return (await this.#db.query(sql.uniqueFollowers, [limit])).map((row) => {
      const r = shape<{ t: string; key: string; i: string; n: string }>(row);
      return { tenantId: r.t, key: r.key, jobId: r.i, number: r.n };
    });
  }

  async release({ tenantId, key, number }: Follower): Promise<void> {
    await this.#db.query(sql.uniqueRelease, [tenantId, key, number]);
  }

  async tidy(after: TidyCursor | null, limit: number): Promise<TidyCursor | null> {
    const { tenantId, key } = after ?? { tenantId: "", key: "" };
    const [row] = await this.#db.query(sql.uniqueTidy, [tenantId, key, limit]);
    return row ? { tenantId: field<string>(row, "t"), key: field<string>(row, "key") } : null;
  }
}
