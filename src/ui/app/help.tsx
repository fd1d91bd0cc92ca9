/** The keys, all of them; fetched when somebody asks. */
import { Dialog } from "./dialog.tsx";

interface HelpProps {
  readonly pages: readonly (readonly [page: string, icon: string, name: string, key: string])[];
  readonly onClose: () => void;
}

/** The dialog. */
export function Help({ pages, onClose }: HelpProps) {
  const rows = [
    [
      "g then " + pages.map(([, , , key]) => key).join(" "),
      "go to a page, in the order of the bar",
    ],
    ["← →, j k, [ ]", "a step back, a step on"],
    ["Home End", "first and latest step"],
    ["Page ↑ Page ↓", "failure before and after"],
    ["l", "live"],
    ["f a t", "chart: fit, focus what is active, as text"],
    ["e", "send an event"],
    ["/", "query"],
    ["arrows in the chart", "out, in, and along; Enter chooses"],
  ] as const;
  return (
    <Dialog title="Keys" onClose={onClose}>
      <table>
        <tbody>
          {rows.map(([keys, what]) => (
            <tr key={keys}>
              <th scope="row">
                <kbd>{keys}</kbd>
              </th>
              <td>{what}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <div class="buttons">
        <button type="button" class="strong" onClick={onClose}>Close</button>
      </div>
    </Dialog>
  );
}
