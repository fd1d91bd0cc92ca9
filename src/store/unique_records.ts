/** Records of unique jobs that travel between runtime and store. */
import type { Job, JobInsert } from "../core/job.ts";
import type { Decision } from "../core/lifecycle.ts";
import type { Edit, Placed, SendStatement } from "./records.ts";

/** How a key is taken. */
export interface UniqueTaking {
  /** Of the type of its jobs: see `lockKeyOf`. */
  readonly key: string;
  /** Held at least so long; null: while the job lives. */
  readonly windowMs: number | null;
  /** The job whose end it waits for. */
  readonly waitsFor: string | null;
  /** The number of the row that this was decided on; null: there was none. */
  readonly expected: string | null;
}

/** Who has a key. */
export interface UniqueHolder {
  readonly jobId: string;
  /** Of the row: another one, and it has changed. */
  readonly number: string;
  readonly isWithin: boolean;
  readonly waits: boolean;
  /** The job whose end it waits for. */
  readonly waitsFor: string | null;
  /** In whatever home; null: deleted. */
  readonly job: Job | null;
}

/** A holder whose predecessor has ended. */
export interface Follower {
  readonly tenantId: string;
  readonly key: string;
  readonly jobId: string;
  readonly number: string;
}

/** Keys of unique jobs. */
export interface UniqueStore {
  /** Stores a job with its key. Null: somebody was faster. @throws {UnknownResultError} */
  take(job: JobInsert, taking: UniqueTaking): Promise<Placed | null>;
  holder(tenantId: string, key: string): Promise<UniqueHolder | null>;
  /** Changes the waiting holder. False: it moved on. */
  edit(job: Job, decision: Decision, edit: Edit): Promise<boolean>;
  /** The same inside the caller's transaction. */
  within(send: SendStatement): UniqueStore;
  followers(limit: number): Promise<Follower[]>;
  release(follower: Follower): Promise<void>;
  /** Looks at some keys after one, and forgets those that nobody has. Gives the last; null: begin anew. */
  tidy(after: TidyCursor | null, limit: number): Promise<TidyCursor | null>;
}

/** Where a look at the keys has come to. */
export interface TidyCursor {
  readonly tenantId: string;
  readonly key: string;
}
