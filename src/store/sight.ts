/** What a worker sees of the tables, before it asks any of them. */

/** Whether there is any of it at all. */
export interface Sight {
  /** Live ones. */
  readonly jobs: boolean;
  readonly suspects: boolean;
  /** Ordering keys whose first job may have to be told so. */
  readonly vacancies: boolean;
  readonly inbox: boolean;
  /** That somebody reads when it is due. */
  readonly mail: boolean;
  /** Or unique jobs that wait for another's end. */
  readonly schedules: boolean;
  /** The number of the last change of gates. */
  readonly gateChange: string;
  /** Milliseconds that the look took the database itself; left out: next to none. */
  readonly tookMs?: number;
}

/** What a worker knows of itself, and need not be looked for; null: it does not. */
export interface Known {
  readonly jobs: boolean | null;
  readonly mail: boolean | null;
}
