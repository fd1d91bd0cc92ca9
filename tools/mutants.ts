/**
 * Guards, removed one at a time: for each, a test must go red.
 *
 * A copy of the tree is changed in one place and the one test that guards it is run there. A mutant
 * that survives means that the guard is not tested, or not needed. `tests/mutants` runs them all.
 */
import { join } from "node:path";
import { CONFIG } from "./test_plan.ts";

/** One guard, and the test that stands for it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Must occur exactly once in the file. */
  readonly from: string;
  readonly to: string;
  readonly test: string;
  /** Part of the test's name. */
  readonly filter: string;
}

const commitSql = "sql/queries/commit.sql";
const finishSql = "sql/queries/finish.sql";
const claimsSql = "sql/migrations/0031_claims_by_place.sql";

/** The guards of the kernel. */
export const mutants: readonly Mutant[] = [
  {
    name: "the version of a job that failed for good",
    file: commitSql,
    from:
      "where j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = x.f and x.h > 0",
    to: "where j.tenant_id = any(array[x.t]) and j.id = x.i and j.state = x.f and x.h > 0",
    test: "tests/store/commit_test.ts",
    filter: "refuses a version that has moved on",
  },
  {
    name: "the version of a job that succeeded",
    file: finishSql,
    from:
      "j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v and j.state = $2::smallint",
    to: "j.tenant_id = any(array[x.t]) and j.id = x.i and j.state = $2::smallint",
    test: "tests/store/commit_test.ts",
    filter: "refuses a version that has moved on",
  },
  {
    name: "whose row it is, where a success looks for its job",
    file: finishSql,
    from: "and j.tenant_id = any(array[x.t]) and j.id = x.i and j.version = x.v",
    to: "and j.version = x.v",
    test: "tests/store/commit_test.ts",
    filter: "a row that has taken the place of its own",
  },
  {
    name: "tenant and id together, where a success looks for its job",
    file: finishSql,
    from: "j.tenant_id = any(array[x.t]) and j.id = x.i",
    to: "j.tenant_id || '' = any(array[x.t]) and j.id = x.i",
    test: "tests/store/plans_test.ts",
    filter: "plans with 10000 waiting and ended jobs, statistics fresh",
  },
  {
    name: "the lease check of the sweeper",
    file: commitSql,
    from: "and (not $3::boolean or le.expires_at < now())",
    to: "and ($3::boolean or not $3::boolean)",
    test: "tests/store/sweep_test.ts",
    filter: "leaves a lease alone that was renewed",
  },
  {
    name: "the cancel request that a runner did not know",
    file: commitSql,
    from:
      "j.state = x.f and x.h = 0\n     and (x.cs is null or x.cs = (j.cancel_requested_at is not null))",
    to: "j.state = x.f and x.h = 0",
    test: "tests/store/commit_test.ts",
    filter: "tells of a cancel request",
  },
  {
    name: "the lock order of leases at a success",
    file: finishSql,
    from: "   order by le.id for update),",
    to: "   for update),",
    test: "tests/store/commit_test.ts",
    filter: "locks leases in id order",
  },
  {
    name: "the lock order of leases",
    file: commitSql,
    from: "   order by le.id for update),",
    to: "   for update),",
    test: "tests/store/commit_test.ts",
    filter: "locks leases in id order",
  },
  {
    name: "the lock order of keys",
    file: "sql/queries/insert.sql",
    from: "   order by t, key\n",
    to: "\n",
    test: "tests/store/insert_test.ts",
    filter: "takes the locks of keys in one order",
  },
  {
    name: "claimed <= asked",
    file: "sql/queries/claim.sql",
    from: "     limit l.n) c\n  limit $7::integer),",
    to: "     limit l.n) c\n  where $7::integer > 0),",
    test: "tests/store/claim_test.ts",
    filter: "never takes more than asked under forced nested loops",
  },
  {
    name: "claimed <= asked, one level",
    file: claimsSql,
    from: "       limit $7 for update skip locked) p;",
    to: "       limit $7 + 1 for update skip locked) p;",
    test: "tests/store/claim_level_test.ts",
    filter: "one level takes no more than asked under forced nested loops",
  },
  {
    name: "claimed <= asked, one job",
    file: claimsSql,
    from: "   limit 1 for update skip locked;",
    to: "   limit 1 for update nowait;",
    test: "tests/store/claim_level_test.ts",
    filter: "one job at a time take each once",
  },
  {
    name: "suspects apart",
    file: "sql/queries/claim.sql",
    from: "and (j.crashes > 0 and j.crashes >= j.max_crashes - 1) = $8::boolean",
    to: "and ($8::boolean or not $8::boolean)",
    test: "tests/store/claim_level_test.ts",
    filter: "many levels leaves suspects",
  },
  {
    name: "suspects apart, one level",
    file: claimsSql,
    from: "         and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)\n",
    to: "",
    test: "tests/store/claim_level_test.ts",
    filter: "one level leaves suspects",
  },
  {
    name: "suspects apart, one job",
    file: claimsSql,
    from: "\n     and not (j.crashes > 0 and j.crashes >= j.max_crashes - 1)\n",
    to: "\n",
    test: "tests/store/claim_level_test.ts",
    filter: "one job leaves suspects",
  },
  {
    name: "the read-only default of a job's session",
    file: "src/store/transaction.ts",
    from: "default_transaction_read_only: true, ",
    to: "",
    test: "tests/store/transaction_test.ts",
    filter: "read-only outside of BEGIN READ WRITE",
  },
  {
    name: "the lease of a step",
    file: "sql/queries/save_step.sql",
    from: "and j.lease_id = x.lease",
    to: "and x.lease is not null",
    test: "tests/store/commit_test.ts",
    filter: "a crash of the server forgot",
  },
  {
    name: "the hard end of a lease",
    file: "sql/queries/renew.sql",
    from: "interval '1 millisecond'), le.hard_until)",
    to: "interval '1 millisecond'), le.hard_until + interval '1 day')",
    test: "tests/store/sweep_test.ts",
    filter: "never passes the longest timeout",
  },
  {
    name: "the read back of an enqueue",
    file: "src/store/enqueue.ts",
    from: "for (const id of await this.#existing(rest)) stored.add(id);",
    to: "await this.#existing(rest);",
    test: "tests/store/unknown_test.ts",
    filter: "does not store again",
  },
  {
    name: "the version of an edit",
    file: "sql/queries/edit.sql",
    from: "and j.version = $3::integer\n     and j.state = $4::smallint",
    to: "and ($3::integer > 0 or $4::smallint >= 0)",
    test: "tests/http/verbs_test.ts",
    filter: "of many edits with one If-Match",
  },
  {
    name: "whose lease a renewal by name is of",
    file: "sql/queries/renew_one.sql",
    from: "any(array[held.id]) and held.is_alone",
    to: "any(array[held.id])",
    test: "tests/runtime/outside_test.ts",
    filter: "a renewal is of a lease that holds the job alone",
  },
  {
    name: "the due time of a claim by name",
    file: "sql/queries/claim_one.sql",
    from: " and j.run_at <= now()",
    to: "",
    test: "tests/http/outside_worker_test.ts",
    filter: "a job that is not due is not claimed",
  },
  {
    name: "the scan from the head of a lane",
    file: "src/runtime/lane_book.ts",
    from: "level.isFromHead = now >= level.headScanAt ||",
    to: "level.isFromHead = false;",
    test: "tests/runtime/claiming_test.ts",
    filter: "a job committed late, behind the cursor",
  },
  {
    name: "the lock of a gate",
    file: "sql/queries/claim_limited.sql",
    from: "   order by g.tenant_id, g.kind, g.name for update skip locked),",
    to: "   order by g.tenant_id, g.kind, g.name),",
    test: "tests/store/limits_test.ts",
    filter: "a claim holds its gates until its commit",
  },
  {
    name: "the version of a gate whose slots are counted",
    file: "sql/queries/claim_limited.sql",
    from: "r.version is not distinct from w.version as is_seen",
    to: "r.version is not null as is_seen",
    test: "tests/store/limits_test.ts",
    filter: "a claim whose snapshot has not seen the latest slots",
  },
  {
    name: "the slots that an expired lease gives back",
    file: commitSql,
    from: "h.n_left <= f.n and h.holds_slots))",
    to: "h.n_left <= f.n and h.holds_slots and not $3::boolean))",
    test: "tests/store/limits_test.ts",
    filter: "gives back slots: the expiry of its lease",
  },
  {
    name: "the slots that come back while others of their lease run",
    file: "sql/queries/finish_limited.sql",
    from: "set n = s.n - f.n",
    to: "set n = s.n",
    test: "tests/store/limits_test.ts",
    filter: "jobs of one lease that end at the same time",
  },
  {
    name: "the slots of a lease without jobs",
    file: "sql/queries/drop_leases.sql",
    from: "delete from perdura.slot s where",
    to: "delete from perdura.slot s where false and",
    test: "tests/store/limits_test.ts",
    filter: "a lease without jobs takes its slots along",
  },
  {
    name: "the slots that a success gives back",
    file: "src/store/changes.ts",
    from: "if (first.holdsSlots)",
    to: "if (false)",
    test: "tests/store/limits_test.ts",
    filter: "gives back slots: success",
  },
  {
    name: "guests of a new limit",
    file: "sql/queries/settle_gates.sql",
    from: "guest_tenants = coalesce(q.tenants, '{}')",
    to: "guest_tenants = '{}'",
    test: "tests/store/limits_test.ts",
    filter: "what runs when a limit is set counts until it ends",
  },
  {
    name: "the gates that a plain claim knows",
    file: "sql/queries/claim.sql",
    from: "   where $16::bigint is null or exists (",
    to: "   where true or exists (",
    test: "tests/store/claim_level_test.ts",
    filter: "many levels that knows an older change",
  },
  {
    name: "the gates that a plain claim of one level knows",
    file: claimsSql,
    from: "\n         and ($13 is null or exists (",
    to: "\n         and (true or exists (",
    test: "tests/store/claim_level_test.ts",
    filter: "one level that knows an older change",
  },
  {
    name: "the gates that a plain claim of one job knows",
    file: claimsSql,
    from: "\n     and ($13 is null or exists (",
    to: "\n     and (true or exists (",
    test: "tests/store/claim_level_test.ts",
    filter: "one job that knows an older change",
  },
  {
    name: "the gates that a start of one job knows",
    file: "sql/queries/start_one.sql",
    from: "  select 1 where $17::bigint is null or exists (",
    to: "  select 1 where true or exists (",
    test: "tests/store/lone_job_test.ts",
    filter: "is not stored by who knows an older change",
  },
  {
    name: "a snapshot that has missed a batch of its ordering key",
    file: "sql/queries/insert_limited.sql",
    from: "u.is_current and not u.is_taken",
    to: "not u.is_taken",
    test: "tests/store/ordering_test.ts",
    filter: "an insert that waited behind another one of its key",
  },
  {
    name: "the key in which nobody was told",
    file: "sql/queries/finish_limited.sql",
    from: "where n.job_id is null",
    to: "where false",
    test: "tests/store/ordering_test.ts",
    filter: "an insert that does not see the end of the last job",
  },
  {
    name: "the reason of a cancel",
    file: commitSql,
    from: "case when x.ask then",
    to: "case when x.ask and false then",
    test: "tests/http/outside_worker_test.ts",
    filter: "a cancel reaches a worker outside",
  },
  {
    name: "the version of a dead letter in an operation",
    file: "sql/queries/requeue_part.sql",
    from: " and q.version = r.v) f",
    to: ") f",
    test: "tests/runtime/operations_test.ts",
    filter: "requeue leaves a job alone that has moved on",
  },
  {
    name: "the version of any job in an operation",
    file: "src/runtime/operation_parts.ts",
    from: 'if (version !== wanted && action !== "cancel") return "moved";',
    to: "",
    test: "tests/runtime/operations_test.ts",
    filter: "retry leaves a job alone that has moved on",
  },
  {
    name: "the hold of an operation that is carried out ahead",
    file: "src/runtime/operation_parts.ts",
    from: "if (!await operations.holdRunning(send, name)) throw new LeaseLostError(name.id, 0);",
    to: "",
    test: "tests/runtime/operations_test.ts",
    filter: "nothing is carried out before its turn once",
  },
  {
    name: "the lock of a part",
    file: "sql/queries/operation_part_take.sql",
    from: "   for update\n",
    to: "\n",
    test: "tests/runtime/operations_test.ts",
    filter: "a turn waits for who carries its part out",
  },
  {
    name: "whose request a job is of",
    file: "src/runtime/coalescer.ts",
    from: "requester: this.#store.requester(), resolve",
    to: "requester: null, resolve",
    test: "tests/http/wall_test.ts",
    filter: "a job that is not its requester's own is refused",
  },
  {
    name: "that a stray job travels alone",
    file: "src/runtime/coalescer.ts",
    from: "batch.some(isStray) ? batch.filter((one) => !isStray(one)) : batch;",
    to: "batch.every(isStray) ? batch.filter((one) => !isStray(one)) : batch;",
    test: "tests/http/wall_test.ts",
    filter: "a job that is not its requester's own is refused",
  },
  {
    name: "turns of two tenants' requests go apart",
    file: "src/runtime/turn_commits.ts",
    from: "Map.groupBy(batch, ({ requester }) => requester);",
    to: "Map.groupBy(batch, () => batch[0]?.requester ?? null);",
    test: "tests/http/wall_test.ts",
    filter: "actors of several tenants begin and move",
  },
  {
    name: "the wall in a request's transaction",
    file: "src/store/transaction.ts",
    from: "if (isBehind) await send(",
    to: "if (!isBehind) await send(",
    test: "tests/store/wall_test.ts",
    filter: "a transaction of a request writes for its tenant alone",
  },
  {
    name: "whose tables the wall is around",
    file: "sql/queries/wall.sql",
    from: "and c.relname = any (string_to_array(current_setting('perdura.own_tables'), ','))",
    to: "",
    test: "tests/store/wall_test.ts",
    filter: "a user's table in our schema is neither walled",
  },
  {
    name: "what a state does when it is entered",
    file: "src/core/actor/xstate5/move.ts",
    from: " || next.entry.length > 0",
    to: "",
    test: "tests/core/actor/move_test.ts",
    filter: "XState is asked wherever",
  },
  {
    name: "the door of the inbox",
    file: "src/runtime/inbox.ts",
    from: "if (one && await isAdmitted(host, memory, one.row)) prepared.push(one);",
    to: "if (one) prepared.push(one);",
    test: "tests/runtime/inbox_test.ts",
    filter: "what drains takes no job from SQL",
  },
  {
    name: "the key of an event that came by mail meanwhile",
    file: "sql/queries/actor_commit.sql",
    from: "     and not exists (select from known where known.k = x.k)\n",
    to: "",
    test: "tests/runtime/actors/senders_test.ts",
    filter: "whoever steps it at once waits for it",
  },
  {
    name: "the version that an event by mail asks for",
    file: "src/runtime/reading.ts",
    from: "expect !== this.#of.version",
    to: "false",
    test: "tests/runtime/actors/senders_test.ts",
    filter: "of two events for one version",
  },
  {
    name: "what was under way when an actor ended",
    file: "src/runtime/turning.ts",
    from: "if (isWhole) this.undoing.waitFor(this.#logic?.definition ?? null, before);",
    to: "",
    test: "tests/runtime/actors/compensation_test.ts",
    filter: "not read yet when its actor is cancelled",
  },
];

/** What does not come without a guard is not waited for as long as what comes with it. */
const MUTANT_ENV = { TEST_PATIENCE_MS: "8000" };

/** A copy of the tree in which guards are taken away, one at a time. */
export class MutantTree implements AsyncDisposable {
  readonly #root: string;

  private constructor(root: string) {
    this.#root = root;
  }

  /** Copies the tree at `root`. */
  static async copy(root: string): Promise<MutantTree> {
    const to = await Deno.makeTempDir({ prefix: "perdura-mutant-" });
    await copyTree(root, to);
    return new MutantTree(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#root, { recursive: true });
  }

  /**
   * Whether the test of a guard passes here while nothing is taken away. That all of them do is what the suite
   * shows, of which they are a part.
   */
  async isGreen({ filter, test }: Mutant): Promise<boolean> {
    const { isGreen, executed } = await this.#run(filter, test, MUTANT_ENV);
    return isGreen && executed > 0;
  }

  /** True when the guard's test goes red without it. A run of no test is an error, not a kill. */
  async kills(mutant: Mutant): Promise<boolean> {
    const path = join(this.#root, mutant.file);
    const text = await Deno.readTextFile(path);
    if (text.split(mutant.from).length !== 2) {
      throw new Error(`Cannot make the mutant "${mutant.name}": its text is not there once`);
    }
    await Deno.writeTextFile(path, text.replace(mutant.from, () => mutant.to));
    try {
      const { isGreen, executed } = await this.#run(mutant.filter, mutant.test, MUTANT_ENV);
      if (executed === 0) throw new Error(`No test ran against the mutant "${mutant.name}"`);
      return !isGreen;
    } finally {
      await Deno.writeTextFile(path, text);
    }
  }

  async #run(filter: string, test: string, env: Readonly<Record<string, string>>) {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", ...CONFIG, "--filter", filter, test],
      cwd: this.#root,
      env: { NO_COLOR: "1", ...env },
      stdout: "piped",
      stderr: "null",
    }).output();
    const [, summary = ""] = /^(?:ok|FAILED) \|(.*)$/m.exec(new TextDecoder().decode(stdout)) ?? [];
    const counts = summary.matchAll(/(\d+) (?:passed|failed)/g);
    const executed = Array.from(counts, ([, count]) => Number(count)).reduce((a, b) => a + b, 0);
    return { isGreen: code === 0, executed };
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  const skipped = new Set([".git", ".perdura", ".out", "node_modules"]);
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (skipped.has(entry.name)) continue;
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyTree(source, target);
    else if (entry.isFile) await Deno.copyFile(source, target);
  }
}
