// Being signed in.
// In: the session, which is a cookie that no script can read. Out: a token for the tasks API, renewed before it ends.
// Owns: the token is in this module's memory and nowhere else; whoever asks while it is being renewed waits for the same
// answer; a page shows one user's things and never goes on as another.

import { ApiError, call, post } from "./api.js";
import * as drafts from "./drafts.js";
import * as navigation from "./navigation.js";
import * as tabs from "./tabs.js";
import { read } from "./token.js";

/** A token is renewed when this much of its life is left, in milliseconds, or a fifth of its life if that is less. */
const MARGIN = 30_000;

/** @type {{text: string, header: object, claims: object, askedAt: number, life: number} | null} */
let held = null;
/** The one renewal that is under way. */
let asking = null;
let leaving = false;

/** Milliseconds until a token ends. Counted from when it was asked for: the clock of this machine may be wrong. */
export function remaining(token) {
  return token.askedAt + token.life - Date.now();
}

function isGood(token) {
  return token !== null && remaining(token) > Math.min(MARGIN, token.life / 5);
}

/** A token that lives long enough for a request. */
export async function token() {
  return isGood(held) ? held : renew(held);
}

/** Another token than `stale`: the one that has replaced it already, or a new one. */
export function renew(stale = held) {
  if (held !== stale && isGood(held)) return Promise.resolve(held);
  asking ??= ask().finally(() => {
    asking = null;
  });
  return asking;
}

async function ask() {
  const askedAt = Date.now();
  const { body } = await withSession("/api/auth/token");
  const fresh = read(body.token);
  if (held && held.claims.sub !== fresh.claims.sub) return startAgain();
  held = { ...fresh, askedAt, life: (fresh.claims.exp - fresh.claims.iat) * 1000 };
  return held;
}

/**
 * Calls the tasks API. A refused token is renewed once, silently; refused again, the session has ended.
 *
 * @throws {ApiError}
 */
export async function withToken(path, options = {}) {
  const first = await token();
  try {
    return await call(path, { ...options, bearer: first.text });
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
  const second = await renew(first);
  try {
    return await call(path, { ...options, bearer: second.text });
  } catch (error) {
    if (!isRefused(error)) throw error;
    return signInAgain();
  }
}

/**
 * Calls the identity API as the user whom the cookie names.
 *
 * @throws {ApiError}
 */
export async function withSession(path, options = {}) {
  try {
    return await call(path, options);
  } catch (error) {
    if (!isRefused(error)) throw error;
    return signInAgain();
  }
}

function isRefused(error) {
  return error instanceof ApiError && error.status === 401;
}

/** Keeps what was typed and asks to sign in. The page is left, so what is returned never settles. */
function signInAgain() {
  const wasSignedIn = held !== null;
  if (!leaving && wasSignedIn) drafts.keep(held.claims.sub);
  return leave(() => navigation.goToSignIn(wasSignedIn ? "ended" : null));
}

function startAgain() {
  return leave(() => location.reload());
}

function leave(go) {
  held = null;
  if (!leaving) go();
  leaving = true;
  return new Promise(() => {});
}

/** Ends the session, here and in the other tabs. @throws {ApiError} when it has not ended. */
export async function signOut() {
  await post("/api/auth/sign-out");
  forget("signed-out");
}

/** The session is over by the user's own will: nothing of it stays in any tab. */
export function forget(notice) {
  drafts.drop();
  tabs.tell({ kind: "signed-out", notice });
  leave(() => navigation.goToSignIn(notice, null));
}

/** @throws {ApiError} */
export async function signIn(email, password, rememberMe) {
  const { body } = await post("/api/auth/sign-in/email", { email, password, rememberMe });
  tabs.tell({ kind: "signed-in", user: body.user.id });
  return body.user;
}

/** Whether a user is signed in, for pages that need no session. @throws {ApiError} */
export async function current() {
  return (await call("/api/auth/get-session")).body;
}

/** Watches the other tabs from now on; a page that comes back from the browser's memory asks again. */
export function watch() {
  tabs.listen((message) => {
    if (message.kind === "signed-out") {
      drafts.drop();
      if (navigation.isForMembers()) leave(() => navigation.goToSignIn(message.notice, null));
      else document.body.dataset.who = "guest";
    } else if (message.kind === "signed-in" && held && held.claims.sub !== message.user) {
      startAgain();
    }
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) startAgain();
  });
}
