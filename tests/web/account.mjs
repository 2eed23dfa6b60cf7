// Looking after one's account.
import assert from "node:assert/strict";
import test from "node:test";

import { PASSWORD, advance, ask, base, member, person, signIn } from "./browser.mjs";

const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";
const NEW_PASSWORD = "another good password";

async function shown(page) {
  await page.locator("#token-proof.good").waitFor();
}

function sessions(page) {
  return page.getByRole("list", { name: "Sessions" }).getByRole("listitem");
}

test("a new name is in the next token", async () => {
  const { page } = await member("ada", "/account");
  await shown(page);
  await page.getByLabel("Name").fill("");
  await page.getByRole("button", { name: "Save name" }).click();
  await page.getByText("What shall we call you?").waitFor();
  await page.getByLabel("Name").fill("Ada Lovelace");
  await page.getByRole("button", { name: "Save name" }).click();
  await page.locator("#claims td").filter({ hasText: "Ada Lovelace" }).waitFor();
  await page.getByLabel("Name").fill("a\u0007b");
  await page.getByRole("button", { name: "Save name" }).click();
  await page.getByText("Use at most 256 characters").waitFor();
});

test("the token is shown with its claims, its life and its key, and its signature is checked here", async () => {
  const { page, id, email } = await member("theo", "/account");
  await shown(page);
  assert.equal(await page.locator("#token-algorithm").textContent(), "EdDSA");
  const { body } = await ask(page, "/.well-known/jwks.json");
  const kid = await page.locator("#token-kid").textContent();
  assert.ok(body.keys.some((key) => key.kid === kid));
  await page.getByRole("img", { name: `The key ${kid}` }).waitFor();
  const claim = (name) => page.getByRole("row").filter({ has: page.locator("th code", { hasText: new RegExp(`^${name}$`) }) });
  assert.match(await claim("sub").textContent(), new RegExp(id));
  assert.match(await claim("email").textContent(), new RegExp(email));
  assert.match(await page.getByRole("timer").textContent(), /^1[45]:\d\d$/);
  await advance(14 * 60, page);
  await page.waitForFunction(() => /^[01]:\d\d$/.test(document.querySelector("#token-left").textContent));
  await advance(120, page);
  await page.getByText("ended: the next request takes a new one").waitFor();
  await page.getByRole("button", { name: "Renew now" }).click();
  // The whole life of the new token; until the server has read its keys again, two minutes later, that is so much shorter.
  await page.waitForFunction(() => /^1[345]:\d\d$/.test(document.querySelector("#token-left").textContent));
  const [issued, ends] = await Promise.all(["iat", "exp"].map(async (name) => parseInt(await claim(name).locator("td.mono").textContent(), 10)));
  const [minutes, seconds] = (await page.getByRole("timer").textContent()).split(":").map(Number);
  const passed = ends - issued - (60 * minutes + seconds);
  assert.ok(passed >= 0 && passed < 60, `${passed} s of ${ends - issued} s have passed on the page`);
  assert.equal(await page.getByText(/eyJ/).count(), 0, "the token itself is not on the screen");
});

test("a password is changed with the right old one, and other devices are signed out", async () => {
  const { page, email } = await member("paula", "/account");
  const phone = await person();
  await phone.page.goto(`${base}/sign-in`);
  await signIn(phone.page, email);
  await shown(page);
  const fill = async (current, fresh) => {
    await page.getByLabel("Current password").fill(current);
    await page.getByLabel("New password").fill(fresh);
    await page.getByRole("button", { name: "Change password" }).click();
  };
  await fill(PASSWORD, "short");
  await page.getByText("Use at least 8 characters.").waitFor();
  await fill("not my password", NEW_PASSWORD);
  await page.getByText("This is not your current password.").waitFor();
  assert.equal(await page.getByLabel("Current password").getAttribute("aria-invalid"), "true");
  await fill(PASSWORD, NEW_PASSWORD);
  await page.getByText("you are signed out everywhere else").first().waitFor();
  await shown(page);
  assert.equal(await sessions(page).count(), 1);
  await phone.page.reload();
  await phone.page.waitForURL("**/sign-in");
  await signIn(phone.page, email, NEW_PASSWORD);
});

test("a typed password can be looked at, and is hidden again when it is sent", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-in`);
  const password = page.getByLabel("Password", { exact: true });
  await password.fill("visible");
  await page.getByRole("button", { name: "Show password" }).click();
  assert.equal(await password.getAttribute("type"), "text");
  await page.getByRole("button", { name: "Hide password" }).click();
  assert.equal(await password.getAttribute("type"), "password");
  for (const [path, autocomplete] of [["/sign-in", "current-password"], ["/sign-up", "new-password"]]) {
    await page.goto(base + path);
    assert.equal(await password.getAttribute("autocomplete"), autocomplete);
    assert.equal(await page.getByLabel("E-mail address").getAttribute("autocomplete"), "username");
  }
});

test("sessions are listed with device and address, and end one by one or all at once", async () => {
  const { page, email } = await member("sven", "/account");
  const phone = await person({ userAgent: IPHONE });
  await phone.page.goto(`${base}/sign-in`);
  await signIn(phone.page, email);
  const curl = await person({ userAgent: "curl/8.5.0" });
  await curl.page.goto(`${base}/sign-in`);
  await signIn(curl.page, email);
  await page.reload();
  await shown(page);
  assert.equal(await sessions(page).count(), 3);
  assert.match(await sessions(page).first().textContent(), /Chrome on Linux.*This one.*127\.0\.0\.1/);
  await page.getByText("Safari on iOS").waitFor();

  await page.getByRole("button", { name: "Sign out Safari on iOS" }).click();
  await page.getByText("Safari on iOS is signed out.").first().waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 2);
  await phone.page.goto(`${base}/account`);
  await phone.page.waitForURL("**/sign-in?next=%2Faccount");

  await page.getByRole("button", { name: "Sign out everywhere else" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#sessions li").length === 1);
  await curl.page.reload();
  await curl.page.waitForURL("**/sign-in");

  await page.getByRole("button", { name: "Sign out here" }).click();
  await page.waitForURL("**/sign-in");
});

test("a day after signing in the password is asked for before sessions are shown", async () => {
  const { page } = await member("frida", "/account");
  await shown(page);
  await advance(25 * 3600, page);
  await page.reload();
  await page.getByText("Confirm your password to go on.").waitFor();
  const confirm = page.locator("#confirm");
  await confirm.getByLabel("Password", { exact: true }).fill("wrong password");
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await confirm.getByText("This is not your current password.").waitFor();
  await confirm.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await confirm.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("This one").waitFor();
  assert.equal(await sessions(page).count(), 1, "the session that was confirmed takes the place of the old one");
  await confirm.waitFor({ state: "hidden" });
});
