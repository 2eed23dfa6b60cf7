// What the links of mails lead to: a new password, a confirmed address, another address, the end of an account.
import assert from "node:assert/strict";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, advance, ask, base, forgive, mail, member, person, placeOf, requestsTo, signIn } from "./browser.mjs";

const NEW_PASSWORD = "another good password";

const heading = (page, name) => page.getByRole("heading", { name });
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const post = (data) => ({ method: "POST", body: JSON.stringify(data), headers: { "content-type": "application/json" } });

/** Whether the focus is on the heading of what is shown: who does not see the page hears what has changed. */
function isLedTo(page, name) {
  return page.waitForFunction((name) => document.activeElement.matches("h1") && document.activeElement.textContent === name, name);
}

/** Where the next link of a mail to this page of ours leads. */
async function linkTo(path, email) {
  return placeOf(await mail.next(email, new RegExp(`${path}#`)));
}

/** What is shown now keeps no user out, in light and in dark. */
async function isAccessible(page, where) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await findings(page, `${where}, ${colorScheme}`), []);
  }
}

/** Opens a link as a mail scanner does, which runs the page and presses nothing. */
async function scan(place) {
  const { page, context } = await person();
  const sent = requestsTo(page, /./);
  await page.goto(place);
  await page.waitForLoadState("networkidle");
  assert.deepEqual(sent.filter((request) => request.method() !== "GET").map((request) => request.url()), []);
  await context.close();
}

/** Opens a link in a browser: what it carries is in no address any more, and in no entry of the history. */
async function follow(page, place, name) {
  await page.goto(place);
  await heading(page, name).waitFor();
  const { pathname } = new URL(place);
  await page.waitForFunction(() => location.hash === "");
  assert.equal(page.url(), base + pathname);
  await page.waitForLoadState("networkidle");
}

async function requestReset(page, email) {
  await page.goto(`${base}/sign-in`);
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Send me a link");
  await isLedTo(page, "Check your mail");
  await page.getByText(`If there is an account with ${email}`).waitFor();
  await isAccessible(page, "a reset was asked for");
}

test("a forgotten password is replaced with the link of a mail, which ends every session and works once", async () => {
  const { page: phone, email } = await member("fay", "/account");
  const { page } = await person();
  await page.goto(`${base}/forgot-password`);
  await press(page, "Send me a link");
  await page.getByText("Enter your e-mail address.").waitFor();
  await page.getByLabel("E-mail address").fill("no address");
  await press(page, "Send me a link");
  await page.getByText("This is not an e-mail address.").waitFor();
  await requestReset(page, email);
  const place = await linkTo("/reset-password", email);
  await scan(place);

  await follow(page, place, "Choose a password");
  await page.getByLabel("New password").fill("short");
  await press(page, "Save the password");
  await page.getByText("Use at least 8 characters.").waitFor();
  assert.equal(await page.getByLabel("New password").getAttribute("autocomplete"), "new-password");
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  await press(page, "Save the password");
  await page.getByText("Your password is saved, and you are signed out everywhere.").waitFor();
  await mail.next(email, /was changed/);
  await phone.goto(`${base}/account`);
  await phone.waitForURL("**/sign-in?next=%2Faccount");

  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Sign in");
  await page.getByText("address or the password is wrong").waitFor();
  await signIn(page, email, NEW_PASSWORD);
  await page.goto(`${base}/account`);
  await page.locator("#address-state", { hasText: "Confirmed" }).waitFor();

  await follow(phone, place, "Choose a password");
  await phone.getByLabel("New password").fill("a third password");
  await press(phone, "Save the password");
  await isLedTo(phone, "This link doesn’t work");
  await phone.getByRole("link", { name: "Get a new link" }).click();
  await heading(phone, "Forgot your password?").waitFor();
});

test("the page says the same of an address without an account, and no mail goes there", async () => {
  const { page } = await person();
  await requestReset(page, "unknown@example.com");
  await press(page, "try another address");
  assert.equal(await page.evaluate(() => document.activeElement.id), "email");
  const { email } = await member("known", "/account");
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Send me a link");
  await linkTo("/reset-password", email);
  assert.deepEqual(await mail.unread("unknown@example.com"), []);
});

test("of two links the newer works, also when it is pasted into the tab of the older, and none after an hour", async () => {
  const { email } = await member("ned", "/account");
  const { page } = await person();
  await requestReset(page, email);
  const older = await linkTo("/reset-password", email);
  await requestReset(page, email);
  const newer = await linkTo("/reset-password", email);
  await follow(page, older, "Choose a password");
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  await press(page, "Save the password");
  await isLedTo(page, "This link doesn’t work");
  // The same page but for the fragment: the browser loads nothing by itself.
  await page.evaluate((place) => location.assign(place), newer);
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  assert.equal(page.url(), `${base}/reset-password`);
  await advance(3601, page);
  await press(page, "Save the password");
  await isLedTo(page, "This link doesn’t work");
  await page.goto(`${base}/sign-in`);
  await signIn(page, email);
});

test("a frontend that names our page as redirectTo reaches it with the token in the query, which goes at once", async () => {
  const { email } = await member("rosa", "/account");
  const { page, context } = await person();
  await page.goto(`${base}/`);
  const asked = await ask(page, "/api/auth/request-password-reset", post({ email, redirectTo: "/reset-password" }));
  assert.equal(asked.status, 200);
  const { text } = await mail.next(email, /\/reset-password\//);
  const link = new URL(text.match(/https?:\/\/\S+/)[0]);
  assert.match(link.pathname, /^\/api\/auth\/reset-password\/./);
  const led = await context.request.get(base + link.pathname + link.search, { maxRedirects: 0 });
  const { pathname, search } = new URL(led.headers().location, base);
  assert.match(search, /^\?token=./);
  await page.goto(base + pathname + search);
  assert.equal(forgive(/a secret in an address/), 1, "by the choice of that frontend");
  await page.getByLabel("New password").fill(NEW_PASSWORD);
  assert.equal(page.url(), `${base}/reset-password`);
  await press(page, "Save the password");
  await page.getByText("Your password is saved").waitFor();
  // What is wrong with a link is said by that route, too.
  await page.goto(`${base}/reset-password?error=INVALID_TOKEN`);
  await heading(page, "This link doesn’t work").waitFor();
});

test("an address is confirmed by a press on the page that the mail leads to", async () => {
  const { page, email, context } = await member("vera", "/account");
  await page.getByText("Not confirmed", { exact: true }).waitFor();
  await linkTo("/verify-email", email);
  await press(page, "Send me the link");
  await page.getByText(`A new link is on its way to ${email}.`).first().waitFor();
  const place = await linkTo("/verify-email", email);
  await scan(place);

  const tab = await context.newPage();
  await follow(tab, place, "Confirm your address");
  await press(tab, "Confirm my address");
  await isLedTo(tab, "Thank you");
  await tab.getByText("Your address is confirmed.").waitFor();
  await isAccessible(tab, "an address is confirmed");
  // Back in the first tab.
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await page.getByText("Confirmed", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Send me the link" }).first().waitFor({ state: "hidden" });

  // Once; and who has confirmed needs no other.
  await follow(tab, place, "Confirm your address");
  await press(tab, "Confirm my address");
  await isLedTo(tab, "This link doesn’t work");
  assert.equal(await tab.getByLabel("E-mail address").inputValue(), email);
  await press(tab, "Send me a new link");
  await tab.getByRole("alert").filter({ hasText: "Your address is confirmed already." }).waitFor();
  await isAccessible(tab, "a link that does not work");
});

test("a link to confirm works for one who is not signed in, and leads on to signing in", async () => {
  const { email } = await member("wim", "/account");
  const older = await linkTo("/verify-email", email);
  const { page } = await person();
  await page.goto(`${base}/verify-email`);
  await isLedTo(page, "This link doesn’t work");
  await page.getByLabel("E-mail address").fill(email);
  await press(page, "Send me a new link");
  await isLedTo(page, "Check your mail");
  const newer = await linkTo("/verify-email", email);
  await follow(page, older, "Confirm your address");
  await press(page, "Confirm my address");
  await isLedTo(page, "This link doesn’t work");
  await follow(page, newer, "Confirm your address");
  await press(page, "Confirm my address");
  await isLedTo(page, "Thank you");
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await signIn(page, email);
});

test("an address is changed when the new one is confirmed, and the old one is told", async () => {
  const { page, email, context } = await member("chris", "/account");
  const { email: taken } = await member("taken", "/account");
  await linkTo("/verify-email", taken);
  const change = async (address) => {
    await page.getByLabel("New address").fill(address);
    await press(page, "Change address");
  };
  await change("no address");
  await page.getByText("This is not an e-mail address.").waitFor();
  await change("CHRIS@example.com");
  await page.getByText("This is your address already.").waitFor();
  assert.equal(await page.getByLabel("New address").getAttribute("aria-invalid"), "true");
  await change(taken);
  await page.getByRole("status").filter({ hasText: `Open the link that we send to ${taken}` }).waitFor();
  await change("christina@example.com");
  await page.getByRole("status").filter({ hasText: "Open the link that we send to christina@example.com" }).waitFor();
  await isAccessible(page, "a change of address was asked for");
  const place = await linkTo("/verify-email", "christina@example.com");
  await mail.next(email, /christina@example\.com/);
  assert.deepEqual(await mail.unread(taken), []);
  await page.reload();
  await page.locator("#email", { hasText: email }).waitFor();
  await scan(place);

  const tab = await context.newPage();
  await follow(tab, place, "Confirm your address");
  await press(tab, "Confirm my address");
  await tab.getByText("Your address is christina@example.com from now on").waitFor();
  await mail.next(email, /christina@example\.com/);
  await page.reload();
  await page.locator("#email", { hasText: "christina@example.com" }).waitFor();
  await page.getByText("Confirmed", { exact: true }).waitFor();
  const { page: elsewhere } = await person();
  await elsewhere.goto(`${base}/sign-in`);
  await elsewhere.getByLabel("E-mail address").fill(email);
  await elsewhere.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(elsewhere, "Sign in");
  await elsewhere.getByText("address or the password is wrong").waitFor();
  await signIn(elsewhere, "christina@example.com");
});

test("the link of a change of address does nothing for another user who is signed in, and waits for its own", async () => {
  const { page, email } = await member("ines", "/account");
  await page.getByLabel("New address").fill("ines-new@example.com");
  await press(page, "Change address");
  const place = await linkTo("/verify-email", "ines-new@example.com");
  const { page: other } = await member("jonas", "/account");
  await follow(other, place, "Confirm your address");
  await press(other, "Confirm my address");
  await other.getByRole("alert").filter({ hasText: "You are signed in as another user" }).waitFor();
  await page.reload();
  await page.locator("#email", { hasText: email }).waitFor();
  await follow(page, place, "Confirm your address");
  await press(page, "Confirm my address");
  await page.getByText("Your address is ines-new@example.com from now on").waitFor();
  await page.getByRole("main").getByRole("link", { name: "Your account" }).click();
  await page.locator("#email", { hasText: "ines-new@example.com" }).waitFor();
});

/** Asks for the deletion on the account page; hands on where the mail leads. */
async function requestDeletion(page, email) {
  await press(page, "Delete my account…");
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(dialog, "Send me the link");
  await page.getByRole("status").filter({ hasText: "We have sent you a mail." }).waitFor();
  await dialog.waitFor({ state: "hidden" });
  return linkTo("/delete-account", email);
}

test("an account is deleted by a press on the page that the mail leads to, by its user who signs in there", async () => {
  const { page, email, context } = await member("dora", "/account");
  await press(page, "Delete my account…");
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await dialog.getByLabel("Password", { exact: true }).fill("wrong password");
  await press(dialog, "Send me the link");
  await dialog.getByText("This is not your current password.").waitFor();
  await press(dialog, "Keep my account");
  const place = await requestDeletion(page, email);
  await scan(place);

  const { page: elsewhere } = await person();
  await elsewhere.goto(place);
  await elsewhere.waitForURL("**/sign-in?next=%2Fdelete-account");
  await elsewhere.waitForFunction(() => location.hash === "");
  await signIn(elsewhere, email);
  await elsewhere.getByText(`This is about the account of ${email}.`).waitFor();
  assert.equal(elsewhere.url(), `${base}/delete-account`);
  const tab = await context.newPage();
  await tab.goto(`${base}/tasks`);
  await press(elsewhere, "Delete for good");
  await elsewhere.getByText("Your account and everything in it is gone.").waitFor();
  await page.reload();
  await page.waitForURL("**/sign-in?next=%2Faccount");
  await signInRefused(elsewhere, email);
});

async function signInRefused(page, email) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Sign in");
  await page.getByText("address or the password is wrong").waitFor();
}

test("a link to delete one account deletes no other, and an account may be kept", async () => {
  const { page, email } = await member("kept", "/account");
  const place = await requestDeletion(page, email);
  const { page: other } = await member("other", "/account");
  await follow(other, place, "Delete your account?");
  await other.getByText("This is about the account of other@example.com.").waitFor();
  await press(other, "Delete for good");
  await isLedTo(other, "This link doesn’t work");
  await other.getByRole("main").getByRole("link", { name: "Your account" }).click();
  await other.locator("#email", { hasText: "other@example.com" }).waitFor();

  const again = await requestDeletion(page, email);
  await follow(page, again, "Delete your account?");
  await page.getByRole("link", { name: "Keep my account" }).click();
  await page.locator("#email", { hasText: email }).waitFor();
});

test("pages of links are reached and used with the keyboard alone", async () => {
  const { email } = await member("kay", "/account");
  const { page } = await person();
  await page.goto(`${base}/forgot-password`);
  await page.getByLabel("E-mail address").focus();
  await page.keyboard.type(email);
  await page.keyboard.press("Enter");
  await isLedTo(page, "Check your mail");
  await page.goto(await linkTo("/reset-password", email));
  await heading(page, "Choose a password").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.type(NEW_PASSWORD);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Show");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("Your password is saved").waitFor();
});

test("nothing of a link is kept in this browser", async () => {
  const { page, email } = await member("olaf", "/account");
  const place = await requestDeletion(page, email);
  const token = new URL(place).hash.slice("#token=".length);
  await follow(page, place, "Delete your account?");
  const { page: elsewhere } = await person();
  await elsewhere.goto(place);
  await elsewhere.waitForURL("**/sign-in?next=%2Fdelete-account");
  await elsewhere.waitForFunction(() => location.hash === "");
  for (const place of [page, elsewhere]) {
    const kept = await place.evaluate(() => JSON.stringify([
      { ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state, document.documentElement.outerHTML,
    ]));
    assert.ok(!kept.includes(token), kept);
  }
});
