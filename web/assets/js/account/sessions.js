// Where one is signed in.
// In: the sessions of the user. Out: a list from which each can be ended.
// Owns: the list is shown only to users who have proved the password within a day.

import { ApiError, post } from "../api.js";
import { device } from "./device.js";
import { renew, signIn, signOut, token, withSession } from "../session.js";
import { byId, element, say, show } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { day, explained, moment } from "../messages.js";

const list = byId("sessions");

export function start() {
  byId("revoke-others").addEventListener("click", async ({ currentTarget }) => {
    currentTarget.ariaDisabled = "true";
    await attempt(async () => {
      await withSession("/api/auth/revoke-other-sessions", { method: "POST", body: {} });
      show("You are signed out everywhere else.");
    });
    byId("revoke-others").ariaDisabled = null;
  });
  take(byId("confirm"), confirm);
  addEventListener("renewed", refresh);
  refresh();
}

async function refresh() {
  list.ariaBusy = "true";
  try {
    const { body } = await withSession("/api/auth/list-sessions");
    const { claims } = await token();
    // This one first, then the latest.
    const sorted = body.toSorted((a, b) => isOwn(b, claims) - isOwn(a, claims) || b.updatedAt.localeCompare(a.updatedAt));
    list.replaceChildren(...sorted.map((session) => row(session, isOwn(session, claims))));
    byId("others").hidden = body.length < 2;
    byId("confirm").hidden = true;
    byId("sessions-trouble").textContent = "";
  } catch (error) {
    list.replaceChildren();
    byId("others").hidden = true;
    const isStale = error instanceof ApiError && error.code === "SESSION_NOT_FRESH";
    byId("confirm").hidden = !isStale;
    byId(isStale ? "confirm-why" : "sessions-trouble").textContent = explained(error);
  } finally {
    list.ariaBusy = null;
  }
}

function isOwn(session, claims) {
  return session.id === claims.sid;
}

function row(session, own) {
  const name = device(session.userAgent);
  const when = own ? `Signed in ${moment(session.createdAt)}` : `Signed in ${day(session.createdAt)}, last used ${day(session.updatedAt)}`;
  const end = element("button", { type: "button", class: "quiet small", "aria-label": own ? "Sign out here" : `Sign out ${name}`, onclick: () => (own ? leave() : revoke(session, name)) }, "Sign out");
  return element(
    "li",
    {},
    element(
      "div",
      {},
      element("p", { class: "device" }, name, own ? element("span", { class: "badge" }, "This one") : null),
      element("p", { class: "hint" }, [session.ipAddress, when].filter(Boolean).join(" · ")),
    ),
    end,
  );
}

async function leave() {
  await attempt(signOut);
}

async function revoke(session, name) {
  await attempt(async () => {
    await withSession("/api/auth/revoke-session", { method: "POST", body: { token: session.token } });
    show(`${name} is signed out.`);
  });
}

async function attempt(action) {
  try {
    await action();
    await refresh();
    list.querySelector("button")?.focus();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    show(explained(error));
  }
}

/** Signs in anew, which makes the session fresh, and ends the old session. */
async function confirm({ username, password }) {
  const old = (await token()).claims.sid;
  try {
    await signIn(username, password, true);
  } catch (error) {
    // Here the address is not in question.
    const isWrong = error instanceof ApiError && error.code === "INVALID_EMAIL_OR_PASSWORD";
    throw isWrong ? new ApiError(error.status, { code: "INVALID_PASSWORD" }) : error;
  }
  byId("confirm").reset();
  await post("/api/auth/revoke-session", { token: old }).catch(() => {});
  await renew();
  say("Confirmed.");
  dispatchEvent(new Event("renewed"));
}
