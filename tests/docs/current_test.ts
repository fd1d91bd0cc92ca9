/** What the documents show of the code is what the code says: the picture, the settings, the paths. */
import { assert, assertEquals } from "@std/assert";
import { jobMachine } from "../../machines/job.ts";
import { DIAGRAM, formattedDiagram } from "../../tools/job_diagram.ts";
import { withSettings } from "../../tools/readme_settings.ts";

const ROOT = new URL("../../", import.meta.url);

/** A file of the project as text. */
function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** Every step that XState knows of: one for each branch of each event of each state. */
function stepsOfTheMachine(): string[] {
  const steps = Object.values(jobMachine.states).flatMap((state) =>
    [...state.transitions].flatMap(([event, branches]) =>
      branches.flatMap(({ target }) => target?.map(({ key }) => `${state.key} ${event} ${key}`))
    )
  );
  return ["(none) ENQUEUE pending", ...steps.map(String)];
}

Deno.test("the picture shows every state and every step of the job machine, and no other", async () => {
  const svg = await read(DIAGRAM);
  const states = Array.from(svg.matchAll(/data-state="(\w+)"/g), ([, name]) => String(name));
  assertEquals(states.toSorted(), Object.keys(jobMachine.states).toSorted());
  const names = Array.from(svg.matchAll(/class="name"[^>]*>\s*([\w]+)\s*</g), ([, name]) => name);
  assertEquals(names, states);

  const groups = Array.from(svg.matchAll(/<g\s+data-transitions="([^"]+)">([\s\S]*?)<\/g>/g));
  const drawn = groups.flatMap(([, steps]) => String(steps).split("; "));
  assertEquals(drawn.toSorted(), stepsOfTheMachine().toSorted());
  for (const [, steps, content] of groups) {
    for (const step of String(steps).split("; ")) {
      const event = String(step.split(" ")[1]);
      assert(new RegExp(`>\\s*${event}\\b`).test(String(content)), `${step} has no label`);
    }
  }
});

Deno.test("the picture is the one that tools/job_diagram.ts draws", async () => {
  assertEquals(await read(DIAGRAM), await formattedDiagram());
});

Deno.test("the README's table of settings is the one of src/cli/settings.ts", async () => {
  const readme = await read("README.md");
  assertEquals(withSettings(readme), readme);
});

Deno.test("every file that a document names is there", async () => {
  const missing: string[] = [];
  for (const page of await pages()) {
    for (const path of pathsIn(page, await read(page))) {
      const isThere = await Deno.stat(new URL(path, ROOT)).then(() => true, () => false);
      if (!isThere) missing.push(`${page}: ${path}`);
    }
  }
  assertEquals(missing, []);
});

async function pages(): Promise<string[]> {
  const found = ["README.md", "CHANGELOG.md"];
  for await (const { name } of Deno.readDir(new URL("docs", ROOT))) {
    if (name.endsWith(".md")) found.push(`docs/${name}`);
  }
  for await (const { name } of Deno.readDir(new URL("docs/decisions", ROOT))) {
    found.push(`docs/decisions/${name}`);
  }
  return found.sort();
}

/** Links, paths in backticks, and the names of queries in backticks; from the root of the project. */
function pathsIn(page: string, text: string): string[] {
  const links = Array.from(text.matchAll(/\]\(([^)#\s]+)[^)]*\)|src="([^"]+)"/g))
    .map(([, link, source]) => String(link ?? source))
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => decodeURI(new URL(link, new URL(page, "file:///")).pathname.slice(1)));
  const rooms = /`((?:src|sql|machines|handlers|tests|tools|docs)\/[\w./-]*)`/g;
  const paths = Array.from(text.matchAll(rooms), ([, path]) => String(path));
  const queries = Array.from(text.matchAll(/`(\w+\.sql)`/g), ([, name]) => `sql/queries/${name}`);
  return [...new Set([...links, ...paths, ...queries])];
}
