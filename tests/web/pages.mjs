// What is true of every page: accessible, small, right on every screen, and asking no other host.
import assert from "node:assert/strict";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, add, base, forgive, member, person, requestsTo, row, titles } from "./browser.mjs";

const KILOBYTE = 1000;

/** Where people are, and what makes the page complete. */
const PLACES = [
  ["/", (page) => page.locator("#key .seal").waitFor()],
  ["/sign-up", (page) => page.getByRole("heading", { name: "Create an account" }).waitFor()],
  ["/sign-in?notice=ended", (page) => page.getByText("Your session has ended").waitFor()],
  ["/forgot-password", (page) => page.getByRole("heading", { name: "Forgot your password?" }).waitFor()],
  ["/reset-password#token=something", (page) => page.getByRole("heading", { name: "Choose a password" }).waitFor()],
  ["/verify-email#token=something", (page) => page.getByRole("heading", { name: "Confirm your address" }).waitFor()],
  ["/reset-password", (page) => page.getByRole("heading", { name: "This link doesn’t work" }).waitFor()],
  ["/verify-email", (page) => page.getByRole("heading", { name: "This link doesn’t work" }).waitFor()],
  ["/nothing/here", (page) => page.getByRole("heading", { name: "There is nothing here" }).waitFor()],
  ["/api/auth/oauth2/end-session", (page) => page.getByRole("heading", { name: "You are signed out" }).waitFor()],
  ["/api/auth/oauth2/end-session", (page) => page.getByRole("button", { name: "Stay signed in" }).waitFor(), "member"],
  ["/tasks", titles, "member"],
  ["/tasks?show=done", titles, "member"],
  ["/account", (page) => page.locator("#token-proof.good").waitFor(), "member"],
  ["/delete-account#token=something", (page) => page.getByText("@example.com").waitFor(), "member"],
  ["/delete-account", (page) => page.getByRole("heading", { name: "This link doesn’t work" }).waitFor(), "member"],
];

for (const colorScheme of ["light", "dark"]) {
  test(`every page is accessible, ${colorScheme}`, async () => {
    const { context, page } = await member(`axe-${colorScheme}`, "/tasks", { colorScheme, reducedMotion: "reduce" });
    await add(page, "A task to look at");
    await row(page, "A task to look at").getByRole("checkbox").check();
    await add(page, "Another");
    const found = [];
    for (const [path, complete, who] of PLACES) {
      const place = who ? page : (await person({ colorScheme, reducedMotion: "reduce" })).page;
      await place.goto(base + path);
      await complete(place);
      found.push(...(await findings(place, path)));
    }
    // Also in the middle of something.
    await page.goto(`${base}/tasks`);
    await titles(page);
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await row(page, "Another").getByRole("checkbox").focus();
    await page.keyboard.press("e");
    found.push(...(await findings(page, "editing")));
    await page.keyboard.press("Escape");
    await page.keyboard.press("Delete");
    found.push(...(await findings(page, "deleting")));
    await page.goto(`${base}/account`);
    await page.getByRole("button", { name: "Delete my account…" }).click();
    await page.getByRole("button", { name: "Send me the link" }).last().click();
    found.push(...(await findings(page, "the dialog")));
    assert.deepEqual(found, []);
    await context.close();
  });
}

test("nothing is cut off on a narrow screen, a wide one, or with large letters", async () => {
  const { page } = await member("wide");
  await page.locator("#title").fill("Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(2));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, "Donau").waitFor();
  const visitor = (await person()).page;
  for (const [path, complete, who] of PLACES) {
    const place = who ? page : visitor;
    await place.goto(base + path);
    await complete(place);
    for (const [width, letters] of [[320, 16], [768, 16], [2560, 16], [640, 32]]) {
      await place.setViewportSize({ width, height: 800 });
      const beyond = await place.evaluate((letters) => {
        document.documentElement.style.fontSize = `${letters}px`;
        return document.documentElement.scrollWidth - innerWidth;
      }, letters);
      assert.ok(beyond <= 0, `${path} at ${width} px, letters of ${letters} px: ${beyond} px too wide`);
    }
  }
});

test("the first visit of any page takes less than 100 kB", async () => {
  const { page: signedIn } = await member("budget", "/sign-in");
  await signedIn.waitForURL("**/tasks");
  const state = await signedIn.context().storageState();
  for (const [path, complete, who] of PLACES) {
    const { page } = await person({ storageState: who ? state : undefined });
    const answers = [];
    page.on("response", (response) => answers.push(response));
    await page.goto(base + path);
    await complete(page);
    await page.waitForLoadState("networkidle");
    const sizes = await Promise.all(answers.map(async (answer) => {
      const { responseHeadersSize, responseBodySize } = await answer.request().sizes();
      return responseHeadersSize + responseBodySize;
    }));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    console.log(`# ${path}: ${(total / KILOBYTE).toFixed(1)} kB in ${answers.length} answers`);
    assert.ok(total > 5 * KILOBYTE && total < 100 * KILOBYTE, `${path}: ${total} bytes`);
  }
});

test("a page can be reached, read and left with the keyboard alone", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-in`);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Create an account");
  const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(outlined, "none", "the focus can be seen");
});

test("who asks for less motion gets none", async () => {
  const { page } = await person({ reducedMotion: "reduce" });
  await page.goto(`${base}/`);
  await page.locator("#key .seal").waitFor();
  const longest = await page.evaluate(() =>
    Math.max(0, ...document.getAnimations().map((animation) => animation.effect.getComputedTiming().duration)));
  assert.ok(longest <= 1, `${longest} ms`);
});

test("without scripts the page says why, and a form sends its password nowhere", async () => {
  const { page } = await person({ javaScriptEnabled: false });
  await page.goto(`${base}/sign-up`);
  await page.locator(".banner").waitFor();
  const sent = requestsTo(page, /./);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  const refused = page.waitForEvent("console", (message) => /form-action/.test(message.text()));
  await page.keyboard.press("Enter");
  await refused;
  assert.equal(forgive(/form-action/), 1);
  assert.deepEqual([page.url(), sent], [`${base}/sign-up`, []]);
});

test("signing in works without scripts, also after a wrong password", async () => {
  const { email } = await member("nora");
  const { page } = await person({ javaScriptEnabled: false });
  await page.goto(`${base}/sign-in`);
  for (const password of ["not the password", PASSWORD]) {
    await page.getByLabel("E-mail address").fill(email);
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    if (password !== PASSWORD) await page.getByRole("alert").getByText("The address or the password is wrong.").waitFor();
  }
  await page.waitForURL(`${base}/account`);
});
