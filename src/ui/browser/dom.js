/** Elements without a framework. Text is always text: nothing here parses HTML. */

/** Makes an element: properties, `data-`/`aria-` attributes, `onclick` and the like, children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Puts children in the place of what was there. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null));
}

/** A message that goes away by itself. */
export function toast(text) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.classList.add("shown");
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => place.classList.remove("shown"), 6000);
}

/** Whether the page is live. */
export function showLive(text, isGood) {
  const place = document.getElementById("live");
  place.textContent = text;
  place.classList.toggle("good", isGood);
}

/** `12:03:04.567`, the date only when it is not today's. */
export function clock(instant) {
  if (!instant) return "–";
  const at = new Date(instant);
  const time = at.toLocaleTimeString([], { hour12: false }) + "." +
    String(at.getMilliseconds()).padStart(3, "0");
  return at.toDateString() === new Date().toDateString()
    ? time
    : `${at.toLocaleDateString()} ${time}`;
}

/** A duration in the unit that fits. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${(ms / 86_400_000).toFixed(1)} d`;
}

/** A state as a pill. */
export function pill(state) {
  return h("span", { class: `pill ${state}` }, state.replace("_", " "));
}

/** JSON for people. */
export function jsonBlock(value) {
  return h("pre", { tabindex: 0 }, JSON.stringify(value, null, 2));
}
