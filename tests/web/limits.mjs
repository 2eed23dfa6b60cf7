// Too many attempts.
import test from "node:test";

import { base, person } from "./browser.mjs";

test("who tries too often is told how long to wait", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-in`);
  await page.getByLabel("E-mail address").fill("nobody@example.com");
  await page.getByLabel("Password", { exact: true }).fill("wrong password");
  const sent = () => page.waitForResponse(/sign-in\/email$/);
  for (let attempt = 0; attempt < 4; attempt++) {
    await Promise.all([sent(), page.getByRole("button", { name: "Sign in" }).click()]);
    await page.locator('button[type="submit"]:not([aria-disabled])').waitFor();
  }
  await page.getByRole("alert").filter({ hasText: /Too many attempts\. Try again in \d+ seconds?\./ }).waitFor();
});

test("who asks for mail too often is told how long to wait", async () => {
  const { page } = await person();
  await page.goto(`${base}/forgot-password`);
  for (let attempt = 0; attempt < 3; attempt++) {
    await page.getByLabel("E-mail address").fill(`user-${attempt}@example.com`);
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.getByRole("button", { name: "try another address" }).click();
  }
  await page.getByRole("button", { name: "Send me a link" }).click();
  await page.getByRole("alert").filter({ hasText: /Too many attempts\. Try again in \d+ seconds?\./ }).waitFor();
});
