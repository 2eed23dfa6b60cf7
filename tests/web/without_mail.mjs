// A server that sends no mail.
import assert from "node:assert/strict";
import test from "node:test";

import { PASSWORD, ask, base, bearing, member, person, requestsTo, tokenOf } from "./browser.mjs";

test("no page offers what needs mail, and who comes all the same is told", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-in`);
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  assert.equal(await page.locator('a[href="/forgot-password"], #send-again').count(), 0);
  await page.goto(`${base}/forgot-password`);
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByRole("button", { name: "Send me a link" }).click();
  await page.getByRole("alert").filter({ hasText: "This server sends no mail." }).waitFor();
  const { page: account } = await member("ada", "/account");
  await account.locator("#address-now", { hasText: "ada@example.com" }).waitFor();
  await account.locator("#token-proof.good").waitFor();
  assert.equal(await account.locator("#change-email, #send-again").count(), 0);
});

test("an account is deleted at once with the password, and nothing of it is left", async () => {
  const { page, email, context } = await member("gone", "/account");
  await page.locator("#token-proof.good").waitFor();
  const token = await tokenOf(page);
  const tab = await context.newPage();
  await tab.goto(`${base}/tasks`);
  await page.getByRole("button", { name: "Delete my account…" }).click();
  const dialog = page.getByRole("dialog", { name: "Delete your account?" });
  await dialog.getByRole("button", { name: "Keep my account" }).click();
  await dialog.waitFor({ state: "hidden" });
  const deletions = requestsTo(page, /delete-user$/);
  await page.getByRole("button", { name: "Delete my account…" }).click();
  await dialog.getByLabel("Password", { exact: true }).fill("wrong password");
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await dialog.getByText("This is not your current password.").waitFor();
  await dialog.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog.getByRole("button", { name: "Delete for good" }).click();
  await page.getByText("Your account and everything in it is gone.").waitFor();
  await tab.waitForURL("**/sign-in");
  assert.equal(deletions.length, 2);
  assert.equal((await ask(page, "/api/me/tasks", bearing(token))).status, 401);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("address or the password is wrong").waitFor();
});
