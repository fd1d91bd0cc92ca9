/** What the API refuses, in words of people. */

/** What a problem+json says. */
export interface ProblemBody {
  readonly title?: string;
  readonly detail?: string;
  readonly status?: number;
  readonly code?: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
  readonly accepts?: readonly string[];
  /** Of the word of a query that is not understood. */
  readonly position?: number;
  readonly length?: number;
}

/** A call that was refused. */
export class Problem extends Error {
  readonly status: number;
  readonly body: ProblemBody;

  constructor(status: number, body: ProblemBody) {
    super(wordsOf(status, body));
    this.status = status;
    this.body = body;
  }
}

function wordsOf(status: number, { title, detail, code, errors = [] }: ProblemBody): string {
  if (status === 412 || isStale(status, code)) return "It moved on: look again. Nothing was sent.";
  const fields = errors.map(({ path, message }) => `${path}: ${message}`).join("; ");
  return fields || detail || title || `The server answered ${status}`;
}

/** Somebody else was faster. */
function isStale(status: number, code: string | undefined): boolean {
  return status === 409 && (code === "version_conflict" || code === "transition_rejected");
}
