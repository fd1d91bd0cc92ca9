/** The same, with the way there. */
import type { Migration } from "perdura";
import { second } from "./second.ts";

const migrations: readonly Migration[] = [{
  from: "1",
  to: "2",
  migrate: (draft) => ({ ...draft, value: draft.value === "middle" ? "end" : draft.value }),
}];

export const machines = [{ ...second, migrations }];
