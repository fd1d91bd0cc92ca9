/** What is not there: said with what comes nearest. */
import { at, call, type Page, Problem, queryOf, ui } from "./api.ts";
import { nearest } from "../../core/near.ts";
import { Empty, useLoad } from "./parts.tsx";
import type { ActorLine, JobResource, MachineLine } from "./resources.ts";

interface MissingProps {
  readonly error: Error;
  readonly what: "job" | "actor" | "machine";
  readonly id: string;
  readonly retry: () => void;
}

interface Link {
  readonly href: string;
  readonly text: string;
}

/** A thing that could not be shown. */
export function Missing({ error, what, id, retry }: MissingProps) {
  const status = error instanceof Problem ? error.status : 0;
  const isUnknown = status === 404 || status === 400;
  const near = useLoad(
    (signal) => isUnknown ? findNear[what](id, signal) : Promise.resolve([]),
    [what, id, isUnknown],
  ).data ?? [];
  const version = what === "machine" && /version/i.test(error.message);
  const shown = id.length > 80 ? `${id.slice(0, 80)}…` : id;
  if (!isUnknown) {
    return (
      <Empty isPage title="This could not be loaded">
        <p class="soft">
          {error.message} <button type="button" onClick={retry}>Try again</button>
        </p>
      </Empty>
    );
  }
  return (
    <Empty
      isPage
      title={version ? `“${shown}” has no such version` : `There is no ${what} “${shown}”`}
    >
      {near.length > 0 && (
        <p class="nearest">
          {version ? "It has" : "Perhaps you mean"}{" "}
          {near.map(({ href, text }, i) => (
            <span key={href}>
              {i > 0 && ", "}
              <a href={href}>
                <bdi>{text}</bdi>
              </a>
            </span>
          ))}
          {version ? "." : "?"}
        </p>
      )}
      <p class="soft">
        {what !== "machine" &&
          "It may have been deleted, belong to another tenant, or be past its retention. "}
        Look for it in <a href={`/ui/${what}s`}>all {what}s</a>.
      </p>
    </Empty>
  );
}

/** What comes nearest, by what is looked for. */
const findNear: Readonly<
  Record<MissingProps["what"], (id: string, signal: AbortSignal) => Promise<Link[]>>
> = {
  machine: async (id, signal) => {
    const { items } = await call<Page<MachineLine>>("/machines", { signal });
    if (items.some((each) => each.id === id)) {
      const { versions } = await call<{ versions: string[] }>(at("machines", id), { signal });
      return versions.map((version) => ({
        href: ui("machines", id) + queryOf({ version }),
        text: `version ${version}`,
      }));
    }
    return nearest(id, items.map((each) => each.id)).map((name) => ({
      href: ui("machines", name),
      text: name,
    }));
  },
  // Begins alike, the longer the better.
  actor: async (id, signal) => {
    const lengths = [id.length, Math.ceil(id.length * .7), Math.ceil(id.length * .4), 2];
    for (const head of new Set(lengths.map((length) => id.slice(0, length)))) {
      if (!/^[\w./-]+$/.test(head)) continue;
      const q = queryOf({ q: `id:${head}*`, limit: 50 });
      const { items } = await call<Page<ActorLine>>(`/actors${q}`, { signal });
      if (items.length === 0) continue;
      const found = nearest(id, items.map((each) => each.id));
      const names = found.length > 0 ? found : items.slice(0, 3).map((each) => each.id);
      return names.map((name) => ({ href: ui("actors", name), text: name }));
    }
    return [];
  },
  // An id says nothing to people: what they may have meant is a key, a type or a word.
  job: async (id, signal) => {
    if (!/^[\w.:/-]+$/.test(id) || /^[0-9a-f-]{36}$/.test(id)) return [];
    const { items } = await call<Page<JobResource>>(`/jobs${queryOf({ q: `"${id}"`, limit: 4 })}`, {
      signal,
    });
    return items.map((job) => ({
      href: ui("jobs", job.id),
      text: `${job.type} ${job.idempotencyKey ?? job.id}`,
    }));
  },
};
