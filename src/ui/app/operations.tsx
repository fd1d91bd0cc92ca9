/** Operations under way and past, and the audit. */
import { at, call, may, type Page, queryOf, send, ui } from "./api.ts";
import { Tabs } from "./tabs.tsx";
import { Failure, isMissing, NotHere } from "./lists.tsx";
import { Confirm } from "./dialog.tsx";
import { Ago, Empty, Pill, useLoad, useTitle } from "./parts.tsx";
import { OperationDetail } from "./operation.tsx";
import type { Operation } from "./operation.tsx";
import { setQuery, word } from "./place.ts";
import { json, shortId } from "./words.ts";

/** `/ui/operations?id=`. */
export function OperationsPage() {
  useTitle("Operations");
  return (
    <div class="page">
      <header class="head">
        <h1>Operations</h1>
      </header>
      <Tabs of={{ Operations: () => <OperationList />, Audit: () => <AuditList /> }} />
    </div>
  );
}

function OperationList() {
  const { data, error, reload } = useLoad(
    (signal) => call<Page<Operation>>("/operations", { signal }),
    [],
    2_000,
  );
  const chosen = word("id");
  if (isMissing(error)) return <NotHere what="Operations" path="/operations" />;
  return (
    <>
      <Failure error={error} retry={reload} />
      {data?.items.length === 0 && (
        <Empty title="Nothing has been done in bulk">
          <p class="soft">
            Requeues of <a href="/ui/dead-letters">dead letters</a> show here with their progress.
          </p>
        </Empty>
      )}
      <div class="stack">
        {(data?.items ?? []).map((each) => (
          <section
            key={each.id}
            class="panel"
            data-operation={each.id}
            aria-label={`Operation ${each.id}`}
          >
            <div class="row">
              <div class="grow">
                <h2>
                  <button
                    type="button"
                    class="plain"
                    aria-expanded={chosen === each.id}
                    onClick={() => setQuery({ id: chosen === each.id ? null : each.id })}
                  >
                    {each.action ?? "requeue"} <span class="mono">{shortId(each.id)}</span>
                  </button>
                  <Pill state={PILLS[each.state] ?? each.state} label={each.state} />
                </h2>
                <Progress operation={each} />
                <Asked operation={each} />
                {each.reason && (
                  <p class="soft">
                    <bdi>{each.reason}</bdi>
                  </p>
                )}
              </div>
              <span class="soft">
                <Ago at={each.createdAt ?? each.startedAt ?? null} />
              </span>
              <Hands operation={each} reload={reload} />
            </div>
            {chosen === each.id && <OperationDetail id={each.id} />}
          </section>
        ))}
      </div>
    </>
  );
}

/** What it is about, how fast, and who wanted it. */
function Asked({ operation: { filter = {}, ratePerSecond, requestedBy } }: {
  readonly operation: Operation;
}) {
  const words = Object.entries(filter).map(([name, value]) =>
    `${name}:${typeof value === "string" ? value : json(value, 0)}`
  );
  return (
    <p class="soft">
      <code>
        <bdi>{words.join(" ")}</bdi>
      </code>
      {ratePerSecond && ` · ${ratePerSecond} a second`}
      {requestedBy && (
        <>
          {" "}· by <bdi>{requestedBy}</bdi>
        </>
      )}
    </p>
  );
}

interface HandsProps {
  readonly operation: Operation;
  readonly reload: () => void;
}

/** Stop and go on, where the operation can. */
function Hands({ operation: { id, accepts = [] }, reload }: HandsProps) {
  if (!may("admin")) return null;
  const tell = async (verb: string) => {
    await send(`${at("operations", id)}/${verb}`, {});
    reload();
  };
  return (
    <>
      {accepts.includes("STOP") && (
        <Confirm
          label="Stop…"
          title="Stop this operation?"
          act={() => tell("stop")}
        >
          <p>What has been done stays done; the rest is left alone.</p>
        </Confirm>
      )}
      {accepts.includes("RESUME") && (
        <button
          type="button"
          onClick={() => void tell("resume").catch(reload)}
        >
          Resume
        </button>
      )}
    </>
  );
}

/** The pill whose look fits a state of operations. */
const PILLS: Readonly<Record<string, string>> = {
  done: "succeeded",
  stopped: "cancelled",
  stopping: "retry",
  resting: "scheduled",
};

/** How far an operation is. */
function Progress({ operation }: { readonly operation: Operation }) {
  const { matched: total, done, skipped = 0 } = operation;
  return (
    <p class="load">
      <progress max={Math.max(1, total)} value={done} aria-label={`${done} of ${total}`} />
      <span class="number">{done.toLocaleString("en")} of {total.toLocaleString("en")}</span>
      {skipped > 0 && <span class="badtext">{skipped} left alone</span>}
    </p>
  );
}

interface AuditLine {
  readonly id?: string;
  readonly tenantId?: string | null;
  readonly at: string;
  readonly who: string;
  readonly action: string;
  readonly subject: string;
  readonly reason?: string | null;
  readonly [key: string]: unknown;
}

function AuditList() {
  const cursor = word("after");
  const path = `/audit?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
  const { data, error, reload } = useLoad((signal) => call<Page<AuditLine>>(path, { signal }), [
    path,
  ]);
  if (isMissing(error)) return <NotHere what="Audit entries" path="/audit" />;
  if (!data) return <Failure error={error} retry={reload} />;
  if (data.items.length === 0) return <Empty title="Nobody has changed anything yet" />;
  return (
    <>
      <div class="scroll" tabIndex={0} role="group" aria-label="Audit">
        <table>
          <thead>
            <tr>
              <th>When</th>
              <th>Who</th>
              <th>What</th>
              <th>On</th>
              <th>Reason</th>
            </tr>
          </thead>
          <tbody>
            {data.items.map((each, i) => (
              <tr key={each.id ?? i}>
                <td class="soft">
                  <Ago at={each.at} />
                </td>
                <td>
                  <bdi>{each.who}</bdi>
                </td>
                <td>
                  <code>
                    <bdi>{each.action}</bdi>
                  </code>
                </td>
                <td class="mono clip">
                  <Subject of={each} />
                </td>
                <td class="clip">
                  <bdi>{each.reason ?? "–"}</bdi>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <nav class="paging" aria-label="Pages of the list">
        {cursor && <button type="button" onClick={() => history.back()}>‹ newer</button>}
        {data.nextCursor && (
          <button
            type="button"
            onClick={() => setQuery({ after: data.nextCursor }, "push")}
          >
            older ›
          </button>
        )}
      </nav>
    </>
  );
}

/** What was changed; a link where it has a page. */
function Subject({ of: { subject, tenantId } }: { readonly of: AuditLine }) {
  const [kind = "", id = ""] = subject.split(/\/(.*)/s);
  const words = <bdi>{subject}</bdi>;
  if (id === "" || !["jobs", "actors", "schedules", "operations"].includes(kind)) return words;
  const href = kind === "operations"
    ? `/ui/operations${queryOf({ id })}`
    : ui(kind, id) + queryOf({ tenantId: kind === "actors" ? tenantId : null });
  return <a href={href}>{words}</a>;
}
