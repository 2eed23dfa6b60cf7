// The page on which a user lets a device in: reachable by everybody, right on a small screen, in the dark, in two languages.
import assert from "node:assert/strict";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, base, person } from "./browser.mjs";

const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

/** Posts a form as a device does. */
async function post(path, pairs) {
  const answer = await fetch(base + path, { method: "POST", body: new URLSearchParams({ client_id: "tv", ...pairs }) });
  return { status: answer.status, body: await answer.json() };
}

const begin = () => post("/api/auth/device/code", { scope: "openid email offline_access tasks:read" });
const poll = (begun) => post("/api/auth/oauth2/token", { grant_type: GRANT, device_code: begun.body.device_code });

/** Whether the page is as wide as the screen and no wider, also with large letters; and what axe finds. */
async function look(page, where) {
  const found = await findings(page, where);
  for (const [width, letters] of [[320, 16], [1100, 16], [640, 32]]) {
    await page.setViewportSize({ width, height: 800 });
    const beyond = await page.evaluate((letters) => {
      document.documentElement.style.fontSize = `${letters}px`;
      return document.documentElement.scrollWidth - innerWidth;
    }, letters);
    if (beyond > 0) found.push(`${where}: ${beyond} px too wide at ${width} px, letters of ${letters} px`);
  }
  await page.setViewportSize({ width: 320, height: 900 });
  await page.evaluate(() => document.documentElement.style.removeProperty("font-size"));
  if (process.env.SIGNET_TEST_PICTURES) {
    await page.screenshot({ path: `${process.env.SIGNET_TEST_PICTURES}/device-${where}.png`, fullPage: true });
  }
  return found;
}

for (const colorScheme of ["light", "dark"]) {
  test(`a user signs in, types the code of a device and lets it in, ${colorScheme}`, async () => {
    const { context, page } = await person({ colorScheme, viewport: { width: 320, height: 900 } });
    const account = { name: colorScheme, email: `${colorScheme}@example.com`, password: PASSWORD };
    const made = await fetch(`${base}/api/auth/sign-up/email`, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(account),
    });
    assert.equal(made.status, 200);
    const begun = await begin();
    assert.equal(begun.status, 200, JSON.stringify(begun.body));
    const found = [];
    await page.goto(`${base}/device`);
    found.push(...(await look(page, `sign-in-${colorScheme}`)));
    await page.getByLabel("E-mail address").fill(account.email);
    await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await page.keyboard.press("Enter");
    await page.getByLabel("Code on the device").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "user_code", "ready to type");
    await page.keyboard.type("bcdf ghjk");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: "not good, or not any more" }).waitFor();
    found.push(...(await look(page, `code-${colorScheme}`)));
    await page.getByLabel("Code on the device").fill(begun.body.user_code.toLowerCase());
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "Sign in this device?" }).waitFor();
    found.push(...(await look(page, `confirm-${colorScheme}`)));
    assert.equal((await poll(begun)).body.error, "authorization_pending");
    await page.getByRole("button", { name: "Allow" }).click();
    await page.getByText("Go back to your device").waitFor();
    found.push(...(await look(page, `done-${colorScheme}`)));
    const { body } = await poll(begun);
    assert.match(body.access_token ?? JSON.stringify(body), /^eyJ/);
    assert.deepEqual(found, []);
    await context.close();
  });
}

test("the page needs no script, and speaks the language of the browser", async () => {
  const { page } = await person({ javaScriptEnabled: false, locale: "de-DE" });
  const begun = await begin();
  const path = new URL(begun.body.verification_uri_complete);
  await page.goto(base + path.pathname + path.search);
  await page.getByLabel("E-Mail-Adresse").fill("light@example.com");
  await page.getByLabel("Passwort", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.getByRole("button", { name: "Weiter" }).click();
  await page.getByText(begun.body.user_code).waitFor();
  await page.getByRole("button", { name: "Ablehnen" }).click();
  await page.getByText("hat nichts bekommen").waitFor();
  assert.equal((await poll(begun)).body.error, "access_denied");
});
