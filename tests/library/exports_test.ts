/** Whatever a public call takes or gives has a name that a program can import. */
import { assertEquals } from "@std/assert";

/** Of other packages, and imported from there. */
const FOREIGN = [
  ...["AnyActorLogic", "AnyActorRef", "AnyStateMachine", "ContextFrom", "EmittedFrom"],
  ...[
    "EventFromLogic",
    "InputFrom",
    "OpenAPIHono",
    "OutputFrom",
    "ZodType",
    "input",
    "output",
    "postgres",
  ],
  ...["postgres.Sql", "postgres.TransactionSql"],
];
/** Values that a type with a name is made from. */
const ORIGINS = [
  ...["BATCH_STATES", "BREAKER_STATES", "GATE_KINDS", "JOB_EVENTS", "JOB_STATES", "batchSchema"],
  ...["declaredBreakerSchema", "declaredLimitsSchema", "jobPatchSchema", "newJobSchema"],
  ...["optionsSchema", "scheduleSchema", "tenantLimitsSchema"],
];
/** How the compiler comes to a type: no value is of them. */
const STEPS = [
  ...["Checked", "Coded", "Definition", "DefinitionOf", "HandlerIn", "HandlerOf", "IdOf", "IsAny"],
  ...["Lost", "Named", "NewJobOf", "ShapeFor", "ShapeOf"],
];
/** Handed from one part of ours to another. */
const INTERIOR = [
  ...[
    "ActorRow",
    "ActorSeats",
    "ActorStore",
    "ActorTermField",
    "ActorWatch",
    "AppHost",
    "AuditStore",
  ],
  ...["BreakerStore", "Cipher", "FileStore", "GateStore", "HandOff", "HintStore", "InboxStore"],
  ...["JobStore", "JobsHost", "KeyStore", "LockStore", "LogStore", "Machines", "MemberStore"],
  ...["ObserveStore", "OperationStore", "OrderStore", "Prepared", "Redactor", "RetentionStore"],
  ...[
    "ScheduleLoop",
    "ScheduleStore",
    "Served",
    "SweepStore",
    "Term",
    "Turner",
    "UiStore",
    "UniqueStore",
  ],
  ...["WorkStore", "WorkerStats", "WorkerStore"],
];

/** What a program is made of: whoever makes one has it from `perdura`. */
const OF_PROGRAMS = ["Handler", "MachineDefinition", "MachineEntry"];

/** The names without an export that what a module exports refers to. */
async function hiddenIn(module: string): Promise<string[]> {
  const { stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", module],
    cwd: new URL("../../", import.meta.url),
    env: { NO_COLOR: "1" },
    stdout: "null",
  }).output();
  const found = new TextDecoder().decode(stderr).matchAll(/references private type '([^']+)'/g);
  return [...new Set([...found].map(([, name = ""]) => name))].sort();
}

Deno.test("the library exports the types of its calls", async () => {
  const known = [...FOREIGN, ...ORIGINS, ...STEPS, ...INTERIOR].sort();
  assertEquals(await hiddenIn("mod.ts"), known);
});

Deno.test("the client exports the types of its calls", async () => {
  const known = [...FOREIGN, ...ORIGINS, ...STEPS, ...OF_PROGRAMS];
  const hidden = await hiddenIn("src/client/client.ts");
  assertEquals(hidden.filter((name) => !known.includes(name)), []);
  assertEquals(hidden.includes("ShapeFor"), true, "the tool has looked");
});
