// Where an address has to be confirmed before its user may sign in.
import assert from "node:assert/strict";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, base, mail, person, placeOf, signIn } from "./browser.mjs";

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

async function signUp(page, email) {
  await page.goto(`${base}/sign-up`);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Create account");
  await page.getByText(`We have written to ${email}.`).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Check your mail");
  assert.deepEqual(await findings(page, "signed up"), []);
}

async function confirm(page, message) {
  await page.goto(placeOf(message));
  await press(page, "Confirm my address");
  await page.getByText("Your address is confirmed.").waitFor();
}

test("signing up leads to one's mail, and from there to signing in", async () => {
  const { page, context } = await person();
  await signUp(page, "ada@example.com");
  assert.deepEqual(await context.cookies(), [], "no session yet");
  await mail.next("ada@example.com");
  await press(page, "Send the link again");
  await page.getByText("A new link is on its way to ada@example.com.").first().waitFor();
  await confirm(page, await mail.next("ada@example.com"));
  await page.getByRole("main").getByRole("link", { name: "Sign in" }).click();
  await signIn(page, "ada@example.com");
  assert.equal(new URL(page.url()).pathname, "/tasks");
});

test("signing in before says what to do, sends the link again, and goes on from there", async () => {
  const { page, context } = await person();
  await signUp(page, "bea@example.com");
  await mail.next("bea@example.com");
  await page.getByRole("link", { name: "Sign in" }).last().click();
  await page.getByLabel("E-mail address").fill("bea@example.com");
  await page.getByLabel("Password", { exact: true }).fill("wrong password");
  await press(page, "Sign in");
  await page.getByText("address or the password is wrong").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await press(page, "Sign in");
  await page.getByRole("alert").filter({ hasText: "Your address is not confirmed yet." }).waitFor();
  assert.deepEqual(await findings(page, "not confirmed"), []);
  // The attempt has sent a link by itself; the button sends another one, which takes its place.
  await mail.next("bea@example.com");
  await press(page, "Send the link again");
  await page.getByText("A new link is on its way to bea@example.com.").first().waitFor();
  await confirm(await context.newPage(), await mail.next("bea@example.com"));
  await press(page, "Sign in");
  await page.waitForURL("**/tasks");
});

test("signing up with an address that has an account looks the same, and tells its owner alone", async () => {
  const { page } = await person();
  await signUp(page, "cora@example.com");
  await confirm(page, await mail.next("cora@example.com"));
  const { page: other } = await person();
  await signUp(other, "cora@example.com");
  const told = await mail.next("cora@example.com");
  assert.doesNotMatch(told.text, /verify-email/);
});
