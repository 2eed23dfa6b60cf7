// Forms: checked here first, sent once, and answered beside the field.
// In: a form and what to do with it. Out: busy buttons, sentences beside fields, the focus where the trouble is.
// Owns: a form is never sent twice at once; what was typed stays when sending fails.

import { ApiError } from "../api.js";
import { explained, misfit } from "../messages.js";
import { byId, element } from "./dom.js";

/** Which field an error is about, whatever the form. */
const FIELDS = {
  INVALID_EMAIL: ["email", "newEmail"],
  EMAIL_IS_THE_SAME: ["newEmail"],
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: ["email"],
  PASSWORD_TOO_SHORT: ["newPassword", "password"],
  PASSWORD_TOO_LONG: ["newPassword", "password"],
  INVALID_PASSWORD: ["currentPassword", "password"],
};

/**
 * Takes over a form.
 *
 * @param {HTMLFormElement} form
 * @param {(values: object) => Promise<void>} send what to do with the values
 * @param {(values: object) => object} check sentences by field, for what is known to be wrong before asking
 */
export function take(form, send, check = () => ({})) {
  let busy = false;
  for (const input of form.querySelectorAll(".secret input")) addReveal(input);
  form.noValidate = true;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    const values = valuesOf(form);
    clear(form);
    const wrong = { ...missing(form), ...check(values) };
    if (complain(form, wrong)) return;
    busy = true;
    mark(form, true);
    try {
      await send(values);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      refuse(form, error);
    } finally {
      busy = false;
      mark(form, false);
    }
  });
}

function valuesOf(form) {
  const named = [...form.elements].filter((input) => input.name);
  return Object.fromEntries(named.map((input) => [input.name, input.type === "checkbox" ? input.checked : input.value]));
}

function missing(form) {
  const empty = [...form.elements].filter((input) => input.required && input.value.trim() === "");
  return Object.fromEntries(empty.map((input) => [input.name, input.dataset.missing ?? "Please fill this in."]));
}

/** Shows an error where it belongs: beside a field, or above the button. */
export function refuse(form, error) {
  const named = error.code === "VALIDATION_ERROR" ? error.members : FIELDS[error.code] ?? [];
  const fields = named.filter((name) => form.elements[name]);
  if (error.code === "VALIDATION_ERROR" && fields.length) {
    complain(form, Object.fromEntries(fields.map((name) => [name, misfit(name)])));
  } else if (fields.length) {
    complain(form, { [fields[0]]: explained(error) });
  } else {
    const message = form.querySelector(".message");
    message.className = "message bad";
    message.textContent = explained(error);
  }
}

/** @returns {boolean} whether there was anything to complain about */
function complain(form, wrong) {
  const names = Object.keys(wrong);
  for (const name of names) {
    const input = form.elements[name];
    input.setAttribute("aria-invalid", "true");
    byId(`${input.id}-error`).textContent = wrong[name];
  }
  if (names.length) form.elements[names[0]].focus();
  return names.length > 0;
}

/** Takes every complaint back. */
export function clear(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    byId(`${input.id}-error`).textContent = "";
  }
  const message = form.querySelector(".message.bad");
  if (message) message.textContent = "";
}

function mark(form, busy) {
  for (const button of form.querySelectorAll('button[type="submit"]')) button.ariaDisabled = busy ? "true" : null;
  form.ariaBusy = busy ? "true" : null;
}

function addReveal(input) {
  const button = element("button", { type: "button", class: "bare", "aria-controls": input.id }, "Show");
  const turn = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.ariaLabel = `${shown ? "Hide" : "Show"} password`;
  };
  turn(false);
  button.addEventListener("click", () => turn(input.type === "password"));
  // Password managers look for a password field when the form is sent.
  input.form.addEventListener("submit", () => turn(false));
  input.after(button);
}

/** What is wrong with a new password; the length is counted as the server counts it. */
export function problemOfNewPassword(password) {
  const code = password.length < 8 ? "PASSWORD_TOO_SHORT" : password.length > 128 ? "PASSWORD_TOO_LONG" : null;
  return code && explained({ code });
}
