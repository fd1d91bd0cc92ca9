/** What is wrong with the jobs of one request, gathered so that all of it is told at once. */
import { InvalidInputError, type Issue, UnknownTypeError } from "../core/errors.ts";

/** Gathers, and refuses in the end. */
export class Findings {
  readonly #issues: Issue[] = [];
  #unknown = 0;

  /** One thing more. */
  add(...issues: readonly Issue[]): void {
    this.#issues.push(...issues);
  }

  /** What an input was refused for. @throws what is no refusal of an input. */
  addRefusal(error: unknown): void {
    if (!(error instanceof InvalidInputError || error instanceof UnknownTypeError)) throw error;
    if (error instanceof UnknownTypeError) this.#unknown += error.issues.length;
    this.add(...error.issues);
  }

  /** @throws {UnknownTypeError} Nothing is wrong but types. @throws {InvalidInputError} Something is. */
  demandNone(): void {
    const issues = this.#issues;
    if (issues.length === 0) return;
    if (issues.length === this.#unknown) throw new UnknownTypeError(issues);
    throw new InvalidInputError(issues);
  }
}
