/** `doctor`: looks at settings, server, schema and work, and says what to do. */
import postgres from "postgres";
import { clientFor } from "../../store/address.ts";
import { toStoreError } from "../../store/failures.ts";
import { CommandError, SettingsError } from "../errors.ts";
import { type OutputOptions, print, printJson } from "../output.ts";
import { Progress } from "../progress.ts";
import { attachDatabase } from "../service.ts";
import { databaseUrl } from "../setting_forms.ts";
import type { Settings } from "../settings.ts";
import { backupChecks, lookAtGap } from "./backup.ts";
import { type Check, type Finding, type Patient, problem } from "./finding.ts";
import { keepingChecks } from "./keeping_checks.ts";
import { schemaChecks } from "./schema_checks.ts";
import { serverChecks } from "./server_checks.ts";
import { workChecks } from "./work_checks.ts";

/** Something is wrong: the exit code is 1. */
export class UnwellError extends CommandError {
  override readonly name = "UnwellError";
}

const MARKS = { ok: "  ok", warning: "   !", problem: "  !!" } as const;

/**
 * Looks at a restored copy, beside the live database.
 *
 * @throws {SettingsError} This is no address.
 * @throws {UnwellError} The copy is of no use.
 */
export async function runBackupCheck(
  settings: Settings,
  address: string,
  options: OutputOptions,
): Promise<void> {
  const url = demandUrl(address);
  const live = await attachDatabase(settings);
  const [there, here] = [connect(live.url), connect(url)];
  try {
    const copy = {
      sql: here,
      settings: { ...settings, DATABASE_URL: url, DATABASE_DIRECT_URL: null },
    };
    const names = ["version", "migrations", "indexes", "stuck jobs", "partitions"];
    const shared = [...schemaChecks, ...workChecks].filter(({ name }) => names.includes(name));
    const gap: Check = {
      name: "age",
      well: "The copy ends where the live database was within the last hour",
      look: ({ sql }) => lookAtGap(there, sql),
    };
    await report(await findAll(copy, [...shared, ...backupChecks, gap]), options);
  } finally {
    await Promise.all([there.end({ timeout: 5 }), here.end({ timeout: 5 })]);
    await live.close();
  }
}

/** Told with the value masked: it has a password in it. */
function demandUrl(text: string): string {
  const parsed = databaseUrl.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new SettingsError(`url: ${parsed.error.issues[0]?.message}, not ***`);
}

/** Prints what it finds. @throws {UnwellError} There is a problem among it. */
export async function runDoctor(settings: Settings, options: OutputOptions): Promise<void> {
  await report(await examine(settings), options);
}

async function report(findings: readonly Finding[], options: OutputOptions): Promise<void> {
  if (options.json) await printJson(findings);
  else for (const finding of findings) await printFinding(finding);
  const problems = findings.filter(({ level }) => level === "problem").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  if (problems > 0) throw new UnwellError(`${problems} problems, ${warnings} warnings`);
  if (!options.json) await print(warnings > 0 ? `${warnings} warnings` : "All is well");
}

async function examine(settings: Settings): Promise<Finding[]> {
  const database = await attachDatabase(settings);
  const sql = connect(database.url);
  const checks = [...schemaChecks, ...serverChecks, ...workChecks, ...keepingChecks];
  try {
    return await findAll({ sql, settings }, checks);
  } finally {
    await sql.end({ timeout: 5 });
    await database.close();
  }
}

function connect(url: string): postgres.Sql {
  return clientFor(url, {
    max: 1,
    connect_timeout: 5,
    fetch_types: false,
    prepare: false,
    onnotice: () => {},
    connection: { application_name: "perdura doctor", TimeZone: "UTC" },
  });
}

/** Settings have been read by now: a wrong one would have stopped the start. */
async function findAll(patient: Patient, checks: readonly Check[]): Promise<Finding[]> {
  const findings: Finding[] = [well("settings", "Every setting has the wanted form")];
  try {
    await patient.sql`select 1`;
  } catch (error) {
    const remedy = "Look whether the server runs, and at DATABASE_URL: host, port, user, password.";
    return [...findings, { check: "database", ...problem(toStoreError(error).message, remedy) }];
  }
  findings.push(well("database", "It can be reached"));
  const progress = new Progress("looking");
  for (const [index, check] of checks.entries()) {
    progress.show(index, checks.length);
    findings.push(...await find(check, patient));
    // Without a schema there is nothing more to look at.
    const isBare = findings.some(({ check, level }) =>
      check === "migrations" && level === "problem"
    );
    if (isBare) break;
  }
  progress.end();
  return findings;
}

async function find({ name, well: message, look }: Check, patient: Patient): Promise<Finding[]> {
  try {
    const found = await look(patient);
    return found.length === 0
      ? [well(name, message)]
      : found.map((finding) => ({ check: name, ...finding }));
  } catch (error) {
    // A right that is missing, mostly: the other checks go on.
    const reason = toStoreError(error).message;
    return [{
      check: name,
      ...problem(`Cannot be looked at: ${reason}`, "Give the role that right."),
    }];
  }
}

function well(check: string, message: string): Finding {
  return { check, level: "ok", message, remedy: null };
}

async function printFinding({ check, level, message, remedy }: Finding): Promise<void> {
  await print(`${MARKS[level]}  ${check}: ${message}`);
  if (remedy !== null) await print(`        ${remedy}`);
}
