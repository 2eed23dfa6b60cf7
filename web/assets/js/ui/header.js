// The head of every page: who is here, and the way out.

import * as session from "../session.js";
import { explained } from "../messages.js";
import { byId, show } from "./dom.js";

/** Marks the page one is on, and makes the button work that signs out. */
export function start() {
  for (const link of document.querySelectorAll(".nav a")) {
    if (link.pathname === location.pathname) link.ariaCurrent = "page";
  }
  const button = byId("sign-out");
  button.addEventListener("click", async () => {
    button.ariaDisabled = "true";
    await session.signOut().catch((error) => show(`You are still signed in. ${explained(error)}`));
    button.ariaDisabled = null;
  });
  session.watch();
}

/** On pages for everybody: shows members their ways. @returns the session and its user, or null */
export async function greet() {
  start();
  // Where the server does not answer, the ways of guests are shown, which lead on as well.
  const found = await session.current().catch(() => null);
  document.body.dataset.who = found ? "member" : "guest";
  return found;
}
