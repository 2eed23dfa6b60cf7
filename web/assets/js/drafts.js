// Keeps what was typed when the session ends in the middle of it.
// In: the forms that say `data-keep`. Out: the same forms, filled again after signing in.
// Owns: passwords are never kept; a draft is shown only to the user who typed it, in the same tab, once.

const PLACE = "signet.drafts";

/** @param {string} user whose page this is */
export function keep(user) {
  const forms = {};
  for (const form of document.querySelectorAll("form[data-keep]")) {
    const typed = [...form.elements].filter(isTyped).map((input) => [input.name, input.value]);
    if (typed.length) forms[form.dataset.keep] = Object.fromEntries(typed);
  }
  if (Object.keys(forms).length) sessionStorage.setItem(PLACE, JSON.stringify({ user, page: location.pathname, forms }));
}

function isTyped(input) {
  return input.name && input.type !== "password" && input.value !== input.defaultValue;
}

/** @returns {Map<string, object>} what was typed, by form */
export function take(user) {
  const kept = sessionStorage.getItem(PLACE);
  if (kept === null) return new Map();
  const draft = JSON.parse(kept);
  if (draft.user === user && draft.page !== location.pathname) return new Map();
  drop();
  return new Map(draft.user === user ? Object.entries(draft.forms) : []);
}

export function drop() {
  sessionStorage.removeItem(PLACE);
}
