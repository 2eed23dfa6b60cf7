// Too many attempts.
import assert from "node:assert/strict";
import test from "node:test";

import { ask, base, person } from "./browser.mjs";

/** Attempts that empty what is allowed at once: on a busy machine those of a page come too slowly for that. */
async function exhaust(page, path, body) {
  const attempt = { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
  const answers = await Promise.all(Array.from({ length: 5 }, () => ask(page, path, attempt)));
  assert.ok(answers.some(({ code }) => code === "TOO_MANY_REQUESTS"), JSON.stringify(answers));
}

/** Fills in the page and presses a button until the page says how long to wait. */
async function pressUntilRefused(page, fill, name, path, body) {
  await fill();
  for (let attempt = 0; attempt < 10; attempt++) {
    await exhaust(page, path, body);
    const sent = page.waitForResponse((response) => new URL(response.url()).pathname === path);
    await page.getByRole("button", { name, exact: true }).click();
    if ((await sent).status() !== 429) {
      await fill();
      continue;
    }
    await page.getByRole("alert").filter({ hasText: /Too many attempts\. Try again in \d+ seconds?\./ }).waitFor();
    return;
  }
  assert.fail("never refused");
}

test("who tries too often is told how long to wait", async () => {
  const { page } = await person();
  const body = { email: "unknown@example.com", password: "wrong password" };
  const fill = async () => {
    await page.goto(`${base}/sign-in`);
    await page.getByLabel("E-mail address").fill(body.email);
    await page.getByLabel("Password", { exact: true }).fill(body.password);
  };
  await pressUntilRefused(page, fill, "Sign in", "/api/auth/sign-in/email", body);
});

test("who asks for mail too often is told how long to wait", async () => {
  const { page } = await person();
  const body = { email: "unknown@example.com" };
  const fill = async () => {
    await page.goto(`${base}/forgot-password`);
    await page.getByLabel("E-mail address").fill(body.email);
  };
  await pressUntilRefused(page, fill, "Send me a link", "/api/auth/request-password-reset", body);
});
