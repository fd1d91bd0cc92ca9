/**
 * Addresses of actors: `parent/child`. An id may hold any character, so the slash and the percent sign
 * in it are escaped: an address always says who the parent is, and one without a slash is a root's.
 *
 * Clients name a root by its id as it is, and a child by its address.
 */

/** The address of a child. */
export function childAddress(parent: string, id: string): string {
  return `${parent}/${rootAddress(id)}`;
}

/** The address of a root. */
export function rootAddress(id: string): string {
  const isPlain = !id.includes("/") && !id.includes("%");
  return isPlain ? id : id.replaceAll("%", "%25").replaceAll("/", "%2F");
}

/** The id that an actor has for its parent; of a root its whole address. */
export function idOf(address: string, parent: string | undefined): string {
  if (parent === undefined || !address.startsWith(`${parent}/`)) return address;
  return unescaped(address.slice(parent.length + 1));
}

/** What clients call an actor. */
export function nameOf(address: string): string {
  return address.includes("/") ? address : unescaped(address);
}

/** The addresses that a name may stand for, the first that is there: a root's id, or a child's address. */
export function addressesOf(name: string): readonly string[] {
  const root = rootAddress(name);
  return name.includes("/") ? [root, name] : [root];
}

function unescaped(text: string): string {
  return text.includes("%") ? text.replaceAll("%2F", "/").replaceAll("%25", "%") : text;
}
