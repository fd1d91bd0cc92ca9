/** `api`: the HTTP API alone. It takes jobs with no worker alive. */
import { getLogger } from "@logtape/logtape";
import type { Context } from "hono";
import { systemClock } from "../core/clock.ts";
import { newId } from "../core/id.ts";
import { allowAll, demand, type Permit, permitBearer } from "../http/access.ts";
import { createApp } from "../http/app.ts";
import { demandOwnOrigin, permitSession, SESSION_COOKIE } from "../http/browser_session.ts";
import { Tokens } from "../http/tokens.ts";
import { during } from "../runtime/starting.ts";
import { uiRoutes } from "../ui/routes.ts";
import { MachineBook } from "../ui/machine_book.ts";
import type { SignIn } from "../ui/sign_in.ts";
import { Stream } from "../ui/stream.ts";
import { Gatekeeper } from "../runtime/gatekeeper.ts";
import { SESSION_MS, Sessions } from "../runtime/sessions.ts";
import { drive } from "../runtime/drive.ts";
import type { Store } from "../store/store.ts";
import { Exposition } from "../telemetry/exposition.ts";
import { HttpStats } from "../telemetry/http_stats.ts";
import { actorsOf, machinesOf } from "./actors.ts";
import { SettingsError } from "./errors.ts";
import { demandPort, headersMsOf, listen, type Place } from "./listening.ts";
import { jobsOf } from "./handling.ts";
import { sayStart, untilSignal, whenAvailable, withStore } from "./service.ts";
import { type Settings, tokenRulesOf } from "./settings.ts";
import { exportMetrics } from "./telemetry.ts";
import { uiAssets } from "./ui_files.ts";
import { workerOptions } from "./worker.ts";

const log = getLogger(["perdura", "http"]);

/** A listening API. */
export interface ServedApi {
  readonly url: string;
  close(): Promise<void>;
}

/** Begins to listen. @throws {ListenError} */
export async function serveApi(
  settings: Settings,
  store: Store,
  debug: boolean,
): Promise<ServedApi> {
  const jobs = jobsOf(settings, store, debug);
  const machines = machinesOf(debug, settings.own);
  const gatekeeper = new Gatekeeper(store.keys, systemClock);
  const sessions = new Sessions(store.ui, gatekeeper, systemClock);
  const permit = permitOf(settings, gatekeeper, sessions);
  const http = new HttpStats(systemClock);
  const exposition = new Exposition({ observer: store.observer, clock: systemClock, http });
  const metrics = exportMetrics(exposition, newId());
  const { actors } = actorsOf(settings, store, machines);
  const host = workerOptions(settings, store, debug);
  const assets = await during("pages", uiAssets);
  const app = createApp({
    jobs,
    actors,
    operating: {
      metrics: () => exposition.respond(),
      drive: (options) => drive(host, options),
    },
    isWritable: () => store.isWritable(),
    permit,
    isLoopbackOnly: settings.AUTH === "none",
    inOneWrite: true,
    onRefusal: (refusal) => http.refused(refusal),
  });
  const admit = async (c: Context) => {
    const permission = await permit(c);
    demand(permission, "read");
    // Every button of the pages is an operator's.
    return { tenantId: permission.tenantId, may: () => permission.may("operate") };
  };
  const stream = new Stream({ jobs, actors });
  const book = new MachineBook(machines);
  const signIn = settings.AUTH === "none" ? null : signingIn(sessions);
  const within: Store["within"] = (tenantId, work) => store.within(tenantId, work);
  const pages = { stream, machines: book, admit, assets, signIn, store: store.ui, within };
  app.route("/", uiRoutes(pages));
  const { HOST } = settings;
  const fetch = http.counting((request) => app.fetch(request));
  const server = listen({ ...placeOf(settings), headersMs: headersMsOf(settings) }, fetch);
  const url = `http://${HOST.includes(":") ? `[${HOST}]` : HOST}:${server.port}`;
  log.info("Listening on {url}", { url });
  const close = async () => {
    void jobs.stopWaiting();
    stream.close();
    actors.close();
    await server.shutdown();
    await metrics?.stop();
    exposition.stop();
  };
  return { url, close };
}

/** Where the API listens. */
export function placeOf({ HOST, PORT }: Settings): Place {
  return { hostname: HOST, port: PORT, setting: "PORT" };
}

/** Who is let in. */
function permitOf(settings: Settings, gatekeeper: Gatekeeper, sessions: Sessions): Permit {
  if (settings.AUTH === "none") return allowAll;
  const rules = tokenRulesOf(settings);
  const tokens = rules && new Tokens(rules, systemClock);
  return permitBearer(gatekeeper, tokens, permitSession(sessions));
}

function signingIn(sessions: Sessions): SignIn {
  return {
    begin: (key) => sessions.begin(key),
    end: (token) => sessions.end(token),
    demandOwnOrigin,
    cookie: SESSION_COOKIE,
    ttlMs: SESSION_MS,
  };
}

/** With keys asked for and none made, nobody could get in; without its second wall nobody should. @throws {SettingsError} */
export async function demandKeys(settings: Settings, store: Store): Promise<void> {
  if (settings.AUTH === "none") return;
  if (!await store.hasWall()) {
    throw new SettingsError(
      "AUTH: Row-level security is not in place; the database role has to be granted perdura_tenant, " +
        "perdura_sender and perdura_runner (docs/security.md)",
    );
  }
  if (settings.AUTH !== "keys") return;
  if (await store.keys.hasKey()) return;
  throw new SettingsError("AUTH: There is no key yet; make one by `keys create --if-none`");
}

/** Runs until it is told to stop. */
export async function runApi(settings: Settings): Promise<void> {
  const stopped = untilSignal(settings.SHUTDOWN_MS);
  const debug = settings.PERDURA_DEBUG ?? false;
  const name = "perdura api";
  sayStart(name);
  demandPort(placeOf(settings));
  await withStore(settings, { name, debug, isService: true }, async (store) => {
    await during("keys", () => whenAvailable(() => demandKeys(settings, store)));
    const api = await serveApi(settings, store, debug);
    await stopped;
    await closeWithin(settings.SHUTDOWN_MS * 0.8, api);
  });
}

/** Lets requests under way finish, but not for ever: some wait for long. */
export async function closeWithin(ms: number, api: ServedApi): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((done) => timer = setTimeout(done, ms));
  await Promise.race([api.close(), over]);
  clearTimeout(timer);
}
