/** `keys create list rotate revoke`. */
import type { Command } from "commander";
import { SCOPES } from "../../core/access.ts";
import { limits } from "../../core/limits.ts";
import * as form from "../arguments.ts";
import { by, command } from "./command.ts";

const run = by(() => import("../keys.ts"));

/** Adds the commands to a program. */
export function addKeys(root: Command): void {
  const keys = command(root, "keys", "API keys: create, list, rotate, revoke");
  command(keys, "create", "Make a key and print it, once")
    .option("--name <text>", "for people", "unnamed").option("--tenant <id>", "else: platform")
    .option("--scopes <names>", SCOPES.join(","), form.scopes, form.scopes("platform"))
    .option("--expires <instant>", "else: never", form.instant)
    .option("--if-none", "a platform key, unless there is one").option("--json", "as JSON")
    .action((options) => run((code, s) => code.createKey(s, options)));
  command(keys, "list", "All keys").option("--json", "as JSON")
    .action((options) => run((code, s) => code.listKeys(s, options)));
  const overlap = form.whole(0, limits.keyOverlapMsMax);
  command(keys, "rotate", "Make a key in the place of another").argument("<id>", "its id", form.id)
    .option("--overlap <ms>", "how long the old one is still good", overlap)
    .option("--json", "as JSON")
    .action((id, options) => run((code, s) => code.rotateKey(s, id, options)));
  command(keys, "revoke", "Refuse a key from now on").argument("<id>", "its id", form.id)
    .action((id) => run((code, s) => code.revokeKey(s, id)));
}
