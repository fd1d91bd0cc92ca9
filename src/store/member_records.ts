/** Members: jobs that one actor has many of. */
import type { JobInsert } from "../core/job.ts";
import type { JobError } from "../core/failure.ts";
import type { SendStatement } from "./records.ts";

/** The job whose transaction it is: an activity of the actor that the members are to be of. */
export interface MemberOpener {
  readonly tenantId: string;
  readonly id: string;
}

/** An actor that is being born. */
export interface MemberOwner {
  readonly tenantId: string;
  readonly actorId: string;
  readonly uid: string;
}

/** A member on its way in. */
export interface NewMember {
  readonly row: JobInsert;
  /** In reports. */
  readonly label: string | null;
}

/** An item that no job could be made of. */
export interface RefusedMember {
  readonly label: string | null;
  readonly error: JobError;
}

/** A member that gave up, or an item that was refused: then there is no job of this id. */
export interface FailedMember {
  readonly jobId: string;
  readonly label: string | null;
  readonly error: JobError | null;
  readonly at: string;
}

/** What is done with members. */
export interface MemberStore {
  /** Stores members in the opener's transaction. False: its actor has left; roll back. */
  insertIn(
    send: SendStatement,
    opener: MemberOpener,
    members: readonly NewMember[],
  ): Promise<boolean>;
  /** Stores members in the transaction in which their actor is born. */
  beginIn(
    send: SendStatement,
    owner: MemberOwner,
    members: readonly NewMember[],
  ): Promise<void>;
  /** Notes items that were refused, in the same transaction. */
  refuseIn(
    send: SendStatement,
    opener: MemberOpener,
    refused: readonly RefusedMember[],
  ): Promise<void>;
  /** Members that gave up and items that were refused, in order, after a job's id. */
  failures(
    tenantId: string,
    actorId: string,
    after: string | null,
    limit: number,
  ): Promise<FailedMember[]>;
}
