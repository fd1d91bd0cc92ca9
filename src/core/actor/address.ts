/**
 * Addresses of actors: `parent/child`. A child's id may hold any character, so the slash and the
 * percent sign in it are escaped: an address always says who the parent is.
 */

/** The address of a child. */
export function childAddress(parent: string, id: string): string {
  const isPlain = !id.includes("/") && !id.includes("%");
  return `${parent}/${isPlain ? id : id.replaceAll("%", "%25").replaceAll("/", "%2F")}`;
}

/** The id that an actor has for its parent; of a root its whole address. */
export function idOf(address: string, parent: string | undefined): string {
  if (parent === undefined || !address.startsWith(`${parent}/`)) return address;
  return address.slice(parent.length + 1).replaceAll("%2F", "/").replaceAll("%25", "%");
}
