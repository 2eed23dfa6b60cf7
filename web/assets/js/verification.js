// Asking for the mail that confirms an address.
// In: a button and an address. Out: a mail with a link, and a notice that says so.

import { ApiError, post } from "./api.js";
import { explained } from "./messages.js";
import { callback } from "./navigation.js";
import { show } from "./ui/dom.js";

/** @throws {ApiError} */
export function send(email) {
  return post("/api/auth/send-verification-email", { email, ...callback() });
}

/**
 * Makes a button send the link again.
 *
 * @param {HTMLButtonElement} button
 * @param {() => string} address to whom
 * @param {(error: ApiError) => void} refused called with the reason where no mail is sent
 */
export function sendWith(button, address, refused = () => {}) {
  button.addEventListener("click", async () => {
    button.ariaDisabled = "true";
    try {
      await send(address());
      show(`A new link is on its way to ${address()}.`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      show(explained(error));
      refused(error);
    } finally {
      button.ariaDisabled = null;
    }
  });
}
