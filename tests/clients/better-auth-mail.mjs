// The unmodified better-auth client through every flow by mail, with the messages that a server of SMTP has received.
// usage: node better-auth-mail.mjs BASE_URL ORIGIN FOLDER optional|demanded   (whether addresses have to be verified)
import assert from "node:assert/strict";
import { browser, ok, refused, withBearer, withCookies } from "./better-auth-client.mjs";
import { Mailbox, linkOf } from "./mailbox.mjs";

const [baseURL, origin, folder, verification] = process.argv.slice(2);
const mail = new Mailbox(folder);
const password = "correct horse battery";
const ASKED = "If this email exists in our system, check your email for the reset link";

/** Opens a link of a mail in the browser that the client runs in: where it leads. */
async function open(page, link, path) {
  assert.equal(link.pathname.replace(/[^/]+$/, (last) => (last.length > 20 ? "TOKEN" : last)), path);
  const led = await page(new URL(link.pathname + link.search, baseURL), { redirect: "manual" });
  assert.equal(led.status, 302);
  return new URL(led.headers.get("location"), baseURL);
}

/** The token of a link that leads to a page of Signet: it is in the fragment, which a server never sees. */
async function tokenIn(email, path) {
  const { pathname, search, hash } = linkOf(await mail.next(email, new RegExp(`${path}#`)));
  assert.deepEqual([pathname, search], [path, ""]);
  return new URLSearchParams(hash.slice(1)).get("token");
}

/** A frontend that has pages of its own: the links lead there by way of the routes of the contract. */
async function frontendWithPages() {
  const page = browser(origin);
  const client = withCookies(baseURL, page);
  const email = "pages@example.com";
  ok(await client.signUp.email({ name: "Ada", email, password }));
  assert.equal(ok(await client.getSession()).user.emailVerified, false);
  const welcome = await tokenIn(email, "/verify-email");

  const callbackURL = `${origin}/verified?from=mail#top`;
  refused(await client.sendVerificationEmail({ email: "another@example.com" }), 400, "EMAIL_MISMATCH");
  refused(await client.sendVerificationEmail({ email, callbackURL: "https://evil.example/" }), 403, "INVALID_CALLBACK_URL");
  assert.deepEqual(ok(await client.sendVerificationEmail({ email, callbackURL })), { status: true });
  const verify = linkOf(await mail.next(email));
  assert.equal((await open(page, verify, "/api/auth/verify-email")).href, callbackURL);
  assert.equal(ok(await client.getSession()).user.emailVerified, true);
  const again = await open(page, verify, "/api/auth/verify-email");
  assert.deepEqual([again.searchParams.get("error"), again.searchParams.get("from"), again.hash], ["INVALID_TOKEN", "mail", "#top"]);
  refused(await client.sendVerificationEmail({ email }), 400, "EMAIL_ALREADY_VERIFIED");
  refused(await client.verifyEmail({ query: { token: welcome } }), 401, "INVALID_TOKEN");

  refused(await client.requestPasswordReset({ email, redirectTo: "https://evil.example/" }), 403, "INVALID_REDIRECT_URL");
  assert.deepEqual(ok(await client.requestPasswordReset({ email, redirectTo: `${origin}/reset` })), { status: true, message: ASKED });
  const chosen = await open(page, linkOf(await mail.next(email, /reset-password/)), "/api/auth/reset-password/TOKEN");
  assert.equal(chosen.origin + chosen.pathname, `${origin}/reset`);
  const token = chosen.searchParams.get("token");
  refused(await client.resetPassword({ newPassword: "short", token }), 400, "PASSWORD_TOO_SHORT");
  assert.deepEqual(ok(await client.resetPassword({ newPassword: "another password", token })), { status: true });
  refused(await client.resetPassword({ newPassword: "a third password", token }), 400, "INVALID_TOKEN");
  await mail.next(email, /was changed/);
  assert.equal(ok(await client.getSession()), null, "every session has ended");
  refused(await client.signIn.email({ email, password }), 401, "INVALID_EMAIL_OR_PASSWORD");
  ok(await client.signIn.email({ email, password: "another password" }));

  const newEmail = "new-pages@example.com";
  refused(await client.changeEmail({ newEmail: email }), 400, "EMAIL_IS_THE_SAME");
  assert.deepEqual(ok(await client.changeEmail({ newEmail, callbackURL })), { status: true });
  await mail.next(email, new RegExp(newEmail));
  assert.equal((await open(page, linkOf(await mail.next(newEmail)), "/api/auth/verify-email")).href, callbackURL);
  const { user } = ok(await client.getSession());
  assert.deepEqual([user.email, user.emailVerified], [newEmail, true]);
  await mail.next(email, new RegExp(newEmail));

  refused(await client.deleteUser({ password: "wrong password" }), 400, "INVALID_PASSWORD");
  assert.equal(ok(await client.deleteUser({ callbackURL: `${origin}/bye` })).message, "Verification email sent");
  assert.equal(ok(await client.getSession()).user.email, newEmail, "not before the link is opened");
  const goodbye = linkOf(await mail.next(newEmail, /delete-user/));
  assert.equal((await open(page, goodbye, "/api/auth/delete-user/callback")).href, `${origin}/bye`);
  assert.equal(ok(await client.getSession()), null);
  refused(await client.signIn.email({ email: newEmail, password: "another password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
}

/** A frontend without pages for it: the links lead to those of Signet; here the client does with the tokens what they do. */
async function frontendWithoutPages() {
  const client = withBearer(baseURL);
  const email = "plain@example.com";
  ok(await client.signUp.email({ name: "Bob", email, password }));
  await tokenIn(email, "/verify-email");
  ok(await client.sendVerificationEmail({ email }));
  const first = await tokenIn(email, "/verify-email");
  assert.deepEqual(ok(await client.verifyEmail({ query: { token: first } })), { status: true, user: null });
  refused(await client.verifyEmail({ query: { token: first } }), 401, "INVALID_TOKEN");
  assert.equal(ok(await client.getSession()).user.emailVerified, true);

  ok(await client.requestPasswordReset({ email }));
  const older = await tokenIn(email, "/reset-password");
  // As clients of 1.3 and older call it.
  ok(await client.$fetch("/forget-password", { method: "POST", body: { email } }));
  const newer = await tokenIn(email, "/reset-password");
  refused(await client.resetPassword({ newPassword: "another password", token: older }), 400, "INVALID_TOKEN");
  refused(await client.verifyEmail({ query: { token: newer } }), 401, "INVALID_TOKEN");
  ok(await client.resetPassword({ newPassword: "another password", token: newer }));
  await mail.next(email, /was changed/);
  ok(await client.signIn.email({ email, password: "another password" }));

  ok(await client.changeEmail({ newEmail: "new-plain@example.com" }));
  const change = await tokenIn("new-plain@example.com", "/verify-email");
  const changed = ok(await client.verifyEmail({ query: { token: change } }));
  assert.deepEqual([changed.status, changed.user.email, changed.user.emailVerified], [true, "new-plain@example.com", true]);

  const asked = ok(await client.deleteUser({ password: "another password" }));
  assert.deepEqual(asked, { success: true, message: "Verification email sent" });
  const token = await tokenIn("new-plain@example.com", "/delete-account");
  assert.deepEqual(ok(await client.deleteUser({ token })), { success: true, message: "User deleted" });
  refused(await client.signIn.email({ email: "new-plain@example.com", password: "another password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
}

/** What is asked for an address without an account is answered alike, and no mail goes there. */
async function unknownAddress() {
  const client = withCookies(baseURL, browser(origin));
  const email = "unknown@example.com";
  assert.deepEqual(ok(await client.requestPasswordReset({ email })), { status: true, message: ASKED });
  assert.deepEqual(ok(await client.sendVerificationEmail({ email })), { status: true });
  // What was asked for later has come.
  ok(await client.signUp.email({ name: "Cleo", email: "cleo@example.com", password }));
  await mail.next("cleo@example.com");
  assert.deepEqual(await mail.unread(email), []);
}

/** An address has to be verified before its user signs in. */
async function demandedVerification() {
  const client = withCookies(baseURL, browser(origin));
  const email = "dan@example.com";
  const up = ok(await client.signUp.email({ name: "Dan", email, password, callbackURL: `${origin}/welcome` }));
  assert.deepEqual([up.token, up.user.email, up.user.emailVerified], [null, email, false]);
  assert.equal(ok(await client.getSession()), null);
  const welcome = linkOf(await mail.next(email));
  refused(await client.signIn.email({ email, password: "wrong password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
  assert.equal((await open(browser(origin), welcome, "/api/auth/verify-email")).href, `${origin}/welcome`);
  ok(await client.signIn.email({ email, password }));
  ok(await client.signOut());

  // The same shape for an address that has an account; its owner alone is told.
  const twin = ok(await client.signUp.email({ name: "Eve", email, password: "an evil password" }));
  assert.deepEqual(Object.keys(twin.user).sort(), Object.keys(up.user).sort());
  assert.deepEqual([twin.token, twin.user.name, twin.user.email], [null, "Eve", email]);
  assert.notEqual(twin.user.id, up.user.id);
  await mail.next(email);
  refused(await client.signIn.email({ email, password: "an evil password" }), 401, "INVALID_EMAIL_OR_PASSWORD");

  const late = "finn@example.com";
  ok(await client.signUp.email({ name: "Finn", email: late, password }));
  await mail.next(late);
  refused(await client.signIn.email({ email: late, password }), 403, "EMAIL_NOT_VERIFIED");
  // The attempt has sent a link anew.
  const token = await tokenIn(late, "/verify-email");
  ok(await client.verifyEmail({ query: { token } }));
  ok(await client.signIn.email({ email: late, password }));
}

if (verification === "demanded") {
  await demandedVerification();
} else {
  await frontendWithPages();
  await frontendWithoutPages();
  await unknownAddress();
}
console.log("better-auth: all mail as expected");
