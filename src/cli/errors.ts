/** What commands expect to go wrong. */

/** Ends a command with its message as the one line on standard error. */
export class CommandError extends Error {
  /** Of the process. */
  readonly exitCode: number = 1;
}

/** A setting is wrong: one line per mistake, with its value unless that is a secret. */
export class SettingsError extends CommandError {
  override readonly name = "SettingsError";
  override readonly exitCode = 2;
}
