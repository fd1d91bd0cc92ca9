/** What runs at this moment: a set that makes no garbage, however often something comes and goes. */

/** What can be in a `Running`. */
export interface Placed {
  /** Where it stands; -1: nowhere. */
  place: number;
}

/** Members in no order. A `Set` is built anew after every few that come and go. */
export class Running<T extends Placed> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    member.place = this.#members.push(member) - 1;
  }

  delete(member: T): void {
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[member.place] = last;
    last.place = member.place;
  }

  /** Of what is there now: members may come and go meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#members].values();
  }
}
