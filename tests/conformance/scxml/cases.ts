/**
 * The cases of the SCXML suite, `@scion-scxml/test-framework` on npm: 316 documents with the
 * configurations they are to go through, 189 of the W3C's and 127 of the SCION project.
 *
 * The package brings a hundred others that nobody needs here. It has a lock of its own in this folder,
 * and is looked up by a process of its own, so that the project's lock stays small.
 */
import { join } from "node:path";

/** One case. */
export interface Case {
  /** `w3c-ecma/test144.txml`. */
  readonly name: string;
  readonly xml: string;
  readonly script: Script;
  /** The text of a file beside the document. */
  readonly read: (path: string) => string;
}

/** What is to happen: basic states (those without states inside) after each event. */
export interface Script {
  readonly initialConfiguration: readonly string[];
  readonly events: readonly {
    readonly event: { readonly name: string };
    readonly nextConfiguration: readonly string[];
    /** Milliseconds to wait before the event. */
    readonly after?: number;
  }[];
}

const HERE = new URL("./", import.meta.url).pathname;

/** Every case that has an expectation, in the order of their names. */
export async function readCases(): Promise<Case[]> {
  const folder = await locateSuite();
  const groups = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
  return groups.flatMap((group) => {
    const names = [...Deno.readDirSync(join(folder, group))].map(({ name }) => name);
    const documents = names.filter((name) => name.endsWith(".scxml")).sort();
    return documents.flatMap((file) => {
      const stem = file.replace(/\.scxml$/, "");
      if (!names.includes(`${stem}.json`)) return [];
      return [readCase(join(folder, group), `${group}/${stem}`, stem)];
    });
  });
}

function readCase(folder: string, name: string, stem: string): Case {
  const read = (path: string) => Deno.readTextFileSync(join(folder, path.replace(/^file:/, "")));
  return { name, xml: read(`${stem}.scxml`), script: JSON.parse(read(`${stem}.json`)), read };
}

async function locateSuite(): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-all",
      `--config=${join(HERE, "scion.json")}`,
      `--lock=${join(HERE, "scion.lock")}`,
      "--frozen",
      join(HERE, "locate.ts"),
    ],
    env: { NO_COLOR: "1" },
  }).output();
  if (!success) throw new Error(`Cannot load the suite: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}
