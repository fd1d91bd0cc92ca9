/** One operation: what became of each thing it was about. */
import { at, call, type Page, ui } from "./api.ts";
import { Raw, useLoad } from "./parts.tsx";

/** An operation, as far as it is shown. */
export interface Operation {
  readonly id: string;
  readonly state: string;
  readonly action?: string;
  readonly matched: number;
  readonly done: number;
  readonly skipped?: number;
  readonly accepts?: readonly string[];
  readonly reason?: string | null;
  readonly filter?: Readonly<Record<string, unknown>>;
  readonly ratePerSecond?: number | null;
  readonly requestedBy?: string | null;
  readonly createdAt?: string;
  readonly startedAt?: string;
}

interface Item {
  readonly id?: string;
  readonly jobId?: string;
  readonly outcome: string;
  readonly message?: string | null;
}

/** Outcome per item, where the server keeps them; else the operation as it is. */
export function OperationDetail({ id }: { readonly id: string }) {
  const path = at("operations", id);
  const { data } = useLoad(
    (signal) => call<Record<string, unknown>>(path, { signal }),
    [id],
    2_000,
  );
  const items = useLoad(
    (signal) => call<Page<Item>>(`${path}/items?limit=200`, { signal }),
    [id],
    2_000,
  );
  if (items.data) {
    return (
      <div class="scroll flat tall" tabIndex={0} role="group" aria-label="Outcomes">
        <table>
          <thead>
            <tr>
              <th>Job</th>
              <th>Outcome</th>
              <th>Why</th>
            </tr>
          </thead>
          <tbody>
            {items.data.items.map((each) => {
              const job = each.jobId ?? each.id ?? "";
              return (
                <tr key={job}>
                  <td>
                    <a class="mono" href={ui("jobs", job)}>{job}</a>
                  </td>
                  <td>{each.outcome}</td>
                  <td class="soft">
                    <bdi>{each.message}</bdi>
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    );
  }
  return data ? <Raw value={data} /> : null;
}
