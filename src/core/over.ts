/** An object with some members in place of its own. Its methods keep their `this`. */
export function over<T extends object>(own: T, others: Partial<T>): T {
  return new Proxy(own, {
    get(target, key) {
      if (Object.hasOwn(others, key)) return Reflect.get(others, key);
      const member: unknown = Reflect.get(target, key);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
