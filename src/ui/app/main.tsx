/** The pages: the address decides which. */
import { render } from "preact";
import { useEffect } from "preact/hooks";
import { Frame } from "./frame.tsx";
import { lazy } from "./parts.tsx";
import { followLinks, linkAt, partsOf, pathname } from "./place.ts";
import { askEarly, at, loadSession } from "./api.ts";

/** Fetched when first asked for: nobody pays for a page that is not looked at. */
const Overview = lazy(() => import("./overview.tsx"), (module) => module.OverviewPage);
const Instances = lazy(() => import("./instances_page.tsx"), (module) => module.InstancesPage);
const Machines = lazy(() => import("./machines.tsx"), (module) => module.MachinesPage);
const Machine = lazy(() => import("./machine.tsx"), (module) => module.MachinePage);
const Job = lazy(() => import("./job.tsx"), (module) => module.JobPage);
const Actor = lazy(() => import("./actor.tsx"), (module) => module.ActorPage);
const Compare = lazy(() => import("./compare.tsx"), (module) => module.ComparePage);
const Upkeep = lazy(() => import("./pages_upkeep.tsx"), (module) => module.UpkeepPages);

function Page() {
  const [page, id] = partsOf(pathname.value);
  // A key of its own: nothing of one page is left in the next.
  const key = `${page}/${id}`;
  if (page === "") return <Overview />;
  if (page === "machines") return id ? <Machine key={key} id={id} /> : <Machines />;
  if (page === "jobs" || page === "actors") {
    if (id === "") return <Instances key={key} listed={page} />;
    return page === "jobs" ? <Job key={key} id={id} /> : <Actor key={key} id={id} />;
  }
  if (page === "compare" && /^(jobs|actors)\/./.test(id)) return <Compare key={key} id={id} />;
  return <Upkeep key={key} page={page} id={id} />;
}

function App() {
  useEffect(() => void loadSession(), []);
  return (
    <Frame>
      <Page />
    </Frame>
  );
}

followLinks();
/** Whoever rests on a link may follow it: what its page needs is fetched meanwhile. */
const ones = new Map([["jobs", Job], ["actors", Actor], ["machines", Machine]]);
/** Who passes it on the way is faster. */
const POINTED_MS = 60;
let pointed: ReturnType<typeof setTimeout> | undefined;
for (const kind of ["pointerover", "focusin"]) {
  addEventListener(kind, (event) => {
    clearTimeout(pointed);
    const url = new URL(linkAt(event)?.href ?? location.href);
    const [page, id] = partsOf(url.pathname);
    const one = ones.get(page);
    if (!one || !id) return;
    one.load();
    pointed = setTimeout(() => {
      // It may have been followed meanwhile.
      if (page === "machines" || url.pathname === location.pathname) return;
      askEarly(at(page, id), url.searchParams.get("tenantId"));
    }, POINTED_MS);
  });
}
const root = document.getElementById("app");
if (root) render(<App />, root);
