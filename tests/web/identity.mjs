// An identity service without tasks.
import assert from "node:assert/strict";
import test from "node:test";

import { PASSWORD, base, person, signIn } from "./browser.mjs";

test("signing up and in leads to the account, and nothing leads to tasks", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-up`);
  await page.getByLabel("Name").fill("Ivy");
  await page.getByLabel("E-mail address").fill("ivy@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/sign-in");
  await page.goto(`${base}/sign-in?next=/tasks`);
  await signIn(page, "ivy@example.com");
  assert.equal(page.url(), `${base}/account`);
  await page.locator("#token-proof.good").waitFor();
  assert.equal(await page.locator('a[href="/tasks"]').count(), 0);
  await page.goto(`${base}/tasks`);
  await page.getByRole("heading", { name: "There is nothing here" }).waitFor();
});
