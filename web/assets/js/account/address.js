// The address: what it is, whether its owner has confirmed it, and another in its place.
// In: the user. Out: mails with links, one to the present address or one to the new one.
// Owns: what is shown is what the server said last; coming back from the mail, the page asks again.

import { call } from "../api.js";
import { withSession } from "../session.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { sendWith } from "../verification.js";

/** Which address is shown. */
let email = "";
/** Whether a link of a mail that was sent may change what is shown. */
let waits = false;

/** @param {object} claims of the token: a large address is not among them */
export function start(claims) {
  if (claims.email) display(claims);
  else refresh();
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && waits && refresh());
  const form = byId("change-email");
  // A server without mail offers neither.
  if (!form) return;
  sendWith(byId("send-again"), () => email, (error) => error.code === "EMAIL_ALREADY_VERIFIED" && refresh());
  take(form, async ({ newEmail }) => {
    byId("change-email-sent").textContent = "";
    await withSession("/api/auth/change-email", { method: "POST", body: { newEmail } });
    form.reset();
    waits = true;
    byId("change-email-sent").textContent =
      `Open the link that we send to ${newEmail}, and your address changes. Until then you sign in with the old one. No mail comes if the new one belongs to another account.`;
  });
}

async function refresh() {
  const found = await call("/api/auth/get-session?disableRefresh=true").catch(() => null);
  if (found?.body) display(found.body.user);
}

function display(user) {
  email = user.email;
  waits ||= !user.emailVerified;
  byId("email").textContent = email;
  for (const input of document.querySelectorAll("input[name=username]")) input.value = email;
  byId("address-now").textContent = email;
  byId("address-state").textContent = user.emailVerified ? "Confirmed" : "Not confirmed";
  const unconfirmed = byId("unconfirmed");
  if (unconfirmed) unconfirmed.hidden = user.emailVerified;
}
