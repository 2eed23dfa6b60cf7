// Makes elements, and speaks to people.
// In: names, attributes and texts. Out: nodes.
// Owns: a text is a text node, whatever stands in it; no string is ever read as markup.

/**
 * @param {string} name such as `p`, or `svg:path`
 * @param {object} attributes functions are listeners, booleans are present or absent, `null` is left out
 * @param {...(Node | string | null)} children
 */
export function element(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The element of this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Tells those who do not see the page what happened. */
export function say(text) {
  const said = byId("said");
  // A text that is said twice must change in between to be heard twice.
  said.textContent = said.textContent === text ? `${text}\u00a0` : text;
}

/** Shows a notice for a while, and says it. */
export function show(text, { action = null, lasts = 8000 } = {}) {
  const notice = element("div", { class: "notice" }, element("span", {}, text));
  const close = () => notice.remove();
  if (action) {
    const act = () => {
      close();
      action.run();
    };
    notice.append(element("button", { type: "button", onclick: act }, action.name));
  }
  notice.append(element("button", { type: "button", onclick: close }, "Dismiss"));
  byId("notices").replaceChildren(notice);
  say(text);
  setTimeout(() => notice.contains(document.activeElement) || close(), lasts);
}
