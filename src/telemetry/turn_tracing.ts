/**
 * Turns of actors as parts of traces: of the request that makes one, or of the mail that it reads, be
 * that an event, a timer, the start or the end of a child, or the end of an activity.
 *
 * The context travels in the body of the mail, as it does in the metadata of jobs. A turn that reads mail
 * of several traces goes on from the first, and is linked to the others.
 */
import { over } from "../core/over.ts";
import {
  type Context,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import type { ActorView, Relay, Store, Turn } from "../store/store.ts";
import { Recent } from "./recent.ts";
import { parentOf, withParent, withParentIn } from "./traceparent.ts";

/** Mail that was read here and whose turn is not committed yet. */
const MAIL_MAX = 50_000;

/** A store of actors, with spans for the turns that it commits. @param ended Attempts that ended well, by job. */
export function tracedTurns(
  actors: Store["actors"],
  tracer: Tracer,
  ended: Recent<SpanContext>,
): Store["actors"] {
  const turns = new TurnSpans(tracer, ended);
  const traced: Partial<Store["actors"]> = {
    claim: async (request) => {
      const claim = await actors.claim(request);
      for (const view of claim.actors) turns.note(view);
      return claim;
    },
    read: async (...asked) => {
      const view = await actors.read(...asked);
      if (view) turns.note(view);
      return view;
    },
    send: (mail) => {
      const span = trace.getActiveSpan();
      return actors.send(mail.map((each) => withParentIn(each, span)));
    },
    asked: (turn) => turns.ask(turn),
    commit: async (worker, turnId, given, ...more) => {
      const begun = given.map((turn) => turns.begin(turn));
      const originals = new Map(begun.map(({ turn }, index) => [turn, given[index] ?? turn]));
      const own = (turn: Turn) => originals.get(turn) ?? turn;
      return await ending(begun, async () => {
        const committed = await actors.commit(worker, turnId, begun.map((b) => b.turn), ...more);
        const refused = committed.refused.map((each) => ({ ...each, turn: own(each.turn) }));
        return { ...committed, done: committed.done.map(own), refused };
      });
    },
    transact: (worker, tenantId, write, seal, capMs) =>
      actors.transact(worker, tenantId, write, async (send) => {
        const begun = turns.begin(await seal(send));
        begun.span?.end();
        return begun.turn;
      }, capMs),
    relay: async (lease, given) => {
      const begun = given.map((relay) => turns.beginRelay(relay));
      const relays = given.map((relay, k) => ({ ...relay, turn: begun[k]?.turn ?? relay.turn }));
      const originals = new Map(relays.map((relay, index) => [relay, given[index] ?? relay]));
      return await ending(begun, async () => {
        const relayed = await actors.relay(lease, relays);
        return relayed.map((each) => ({ ...each, relay: originals.get(each.relay) ?? each.relay }));
      });
    },
  };
  return over<Store["actors"]>(actors, traced);
}

/** A turn on its way, with its span if it belongs to a trace. */
interface Begun {
  readonly turn: Turn;
  readonly span?: Span;
}

/** Spans of turns, by what led to them. */
class TurnSpans {
  readonly #tracer: Tracer;
  readonly #ended: Recent<SpanContext>;
  readonly #mail = new Recent<Context>(MAIL_MAX);
  readonly #asked = new WeakMap<Turn, Context>();

  constructor(tracer: Tracer, ended: Recent<SpanContext>) {
    this.#tracer = tracer;
    this.#ended = ended;
  }

  /** Remembers what its mail was sent within, until the turn that reads it. */
  note({ mail }: ActorView): void {
    for (const { id, body } of mail) {
      const parent = parentOf(body);
      if (parent) this.#mail.set(id, parent);
    }
  }

  /** Remembers who waits for a turn: by the time of its commit it may be one of many. */
  ask(turn: Turn): void {
    if (trace.getActiveSpan()) this.#asked.set(turn, context.active());
  }

  /** Whoever asked for it comes first, then whoever sent the mail that it reads. */
  begin(turn: Turn): Begun {
    const asked = this.#asked.get(turn) ?? [];
    const read = turn.read.flatMap((id) => this.#mail.take(id) ?? []);
    return this.#begin(turn, [asked, read].flat());
  }

  /** A turn that goes on from the attempt whose end it hears of. */
  beginRelay({ turn, end }: Relay): Begun {
    const attempt = this.#ended.take(end.id);
    return this.#begin(turn, attempt ? [trace.setSpanContext(ROOT_CONTEXT, attempt)] : []);
  }

  #begin(turn: Turn, [parent, ...others]: readonly Context[]): Begun {
    if (!parent) return { turn };
    const attributes = { "perdura.actor": turn.id, "perdura.tenant": turn.tenantId };
    const links = others.flatMap((other) => {
      const context = trace.getSpanContext(other);
      return context ? [{ context }] : [];
    });
    const span = this.#tracer.startSpan(`turn ${turn.state}`, { attributes, links }, parent);
    const jobs = turn.jobs.map((row) => withParent(row, span));
    const sent = turn.sent.map((mail) => withParentIn(mail, span));
    return { turn: { ...turn, jobs, sent }, span };
  }
}

/** Ends the spans when the commit has been answered. */
async function ending<T>(begun: readonly Begun[], commit: () => Promise<T>): Promise<T> {
  try {
    return await commit();
  } catch (error) {
    for (const { span } of begun) span?.setStatus({ code: SpanStatusCode.ERROR });
    throw error;
  } finally {
    for (const { span } of begun) span?.end();
  }
}
