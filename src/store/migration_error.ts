/** Apart from what migrates: whoever only tells the error needs neither driver nor migrations. */

/** The database and this program disagree about an applied migration. */
export class MigrationError extends Error {
  override readonly name = "MigrationError";
}
