// The applications that may do something in the user's name.
// In: what was given to each. Out: a list from which it can be taken back.
// Owns: nothing is taken back before the user has read what that means.

import { ApiError } from "../api.js";
import { withSession } from "../session.js";
import { byId, element, show } from "../ui/dom.js";
import { day, explained } from "../messages.js";

const list = byId("consents");
const dialog = byId("withdraw-dialog");

/** The one that the dialog asks about. */
let asked = null;

export function start() {
  byId("withdraw").addEventListener("click", withdraw);
  byId("withdraw-not").addEventListener("click", () => dialog.close());
  refresh();
}

async function refresh() {
  list.ariaBusy = "true";
  try {
    const { body } = await withSession("/api/auth/oauth2/get-consents");
    list.replaceChildren(...body.map(row));
    byId("consents-none").hidden = body.length > 0;
    byId("consents-trouble").textContent = "";
  } catch (error) {
    list.replaceChildren();
    byId("consents-trouble").textContent = explained(error);
  } finally {
    list.ariaBusy = null;
    list.hidden = list.children.length === 0;
  }
}

function row(consent) {
  const may = `May ${consent.descriptions.join(", ")}${consent.resources.length ? ` at ${consent.resources.join(", ")}` : ""}.`;
  const ask = element("button", { type: "button", class: "quiet small", "aria-label": `Take access away from ${consent.clientName}`, onclick: () => open(consent) }, "Take access away");
  return element(
    "li",
    {},
    element(
      "div",
      {},
      element("p", { class: "device" }, consent.clientName, element("span", { class: "badge" }, consent.clientHost)),
      element("p", { class: "hint" }, may),
      element("p", { class: "hint" }, `Since ${day(consent.createdAt)}`),
    ),
    ask,
  );
}

function open(consent) {
  asked = consent;
  byId("withdraw-what").textContent = `${consent.clientName} can do nothing in your name any more, and asks again when you next sign in to it.`;
  dialog.showModal();
}

async function withdraw({ currentTarget }) {
  const button = currentTarget;
  button.ariaDisabled = "true";
  try {
    await withSession("/api/auth/oauth2/delete-consent", { method: "POST", body: { id: asked.id } });
    show(`${asked.clientName} has no access any more.`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(explained(error));
  } finally {
    button.ariaDisabled = null;
    dialog.close();
  }
  await refresh();
  (list.querySelector("button") ?? byId("applications-title")).focus();
}
