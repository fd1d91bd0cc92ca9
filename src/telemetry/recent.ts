/** What was seen lately, by name: the oldest goes when there is too much. */
export class Recent<T> {
  readonly #known = new Map<string, T>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get(name: string): T | undefined {
    return this.#known.get(name);
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  set(name: string, value: T): void {
    this.#known.delete(name);
    this.#known.set(name, value);
    const [oldest] = this.#known.keys();
    if (this.#known.size > this.#max && oldest !== undefined) this.#known.delete(oldest);
  }

  /** Gives it away. */
  take(name: string): T | undefined {
    const value = this.#known.get(name);
    this.#known.delete(name);
    return value;
  }
}
