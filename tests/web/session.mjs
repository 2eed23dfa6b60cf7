// Being signed in, on the pages: renewal, the end of a session, other tabs, other users.
import assert from "node:assert/strict";
import test from "node:test";

import { PASSWORD, add, advance, ask, base, forgive, member, person, requestsTo, row, signIn, titles } from "./browser.mjs";

const TOKEN = /^\/api\/auth\/token$/;

/** Ends every session of a user from somewhere else. */
async function endAll(email) {
  const { context } = await person();
  await context.request.post(`${base}/api/auth/sign-in/email`, { data: { email, password: PASSWORD } });
  const ended = await context.request.post(`${base}/api/auth/revoke-sessions`, { data: {}, headers: { origin: base } });
  assert.equal(ended.status(), 200, await ended.text());
}

test("a token serves until shortly before its end, and then the next is taken before it is missed", async () => {
  const { page } = await member("rita");
  await titles(page);
  const tokens = requestsTo(page, TOKEN);
  const refused = [];
  page.on("response", (response) => response.status() === 401 && refused.push(response.url()));
  await advance(14 * 60, page);
  await add(page, "With the first token");
  assert.equal(tokens.length, 0);
  await advance(40, page);
  await add(page, "With the second");
  assert.equal(tokens.length, 1);
  assert.deepEqual(refused, [], "no request was refused on the way");
});

test("a session that was ended elsewhere leads to sign-in, back again, and what was typed is there", async () => {
  const { page, email } = await member("tom", "/tasks?show=open");
  await add(page, "A plan");
  await row(page, "A plan").hover();
  await row(page, "A plan").getByRole("button", { name: "Edit" }).click();
  await page.getByRole("list").getByLabel("What is to be done").fill("A plan in the making");
  await page.getByRole("button", { name: "Add a note" }).click();
  await page.locator("#description").fill("A long note\nof two lines");
  await page.locator("#title").fill("Half a thought");
  await endAll(email);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Your session has ended, please sign in again.").waitFor();
  const address = new URL(page.url());
  assert.deepEqual([address.pathname, address.searchParams.get("next")], ["/sign-in", "/tasks?show=open"]);
  assert.equal(address.searchParams.has("notice"), false, "a reload does not say it again");
  await signIn(page, email);
  assert.equal(page.url(), `${base}/tasks?show=open`);
  await page.waitForFunction(() => document.querySelector("#title").value === "Half a thought");
  assert.equal(await page.locator("#description").inputValue(), "A long note\nof two lines");
  const editing = page.getByRole("list").getByLabel("What is to be done");
  assert.equal(await editing.inputValue(), "A plan in the making");
  await page.reload();
  await titles(page);
  assert.equal(await page.locator("#title").inputValue(), "", "once");
});

test("what one person typed is never shown to another who signs in after them", async () => {
  const { page, email } = await member("vera");
  await titles(page);
  await page.locator("#title").fill("Vera's secret plan");
  await endAll(email);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Your session has ended").waitFor();
  const body = { name: "will", email: "will@example.com", password: PASSWORD };
  assert.equal((await ask(page, "/api/auth/sign-up/email", {
    method: "POST", credentials: "omit", body: JSON.stringify(body), headers: { "content-type": "application/json" },
  })).status, 200);
  await signIn(page, "will@example.com");
  await titles(page);
  assert.equal(await page.locator("#title").inputValue(), "");
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("signing out in one tab signs out the others", async () => {
  const { page, context } = await member("otto");
  await add(page, "Private");
  const other = await context.newPage();
  await other.goto(`${base}/account`);
  await other.locator("#email").filter({ hasText: "otto@" }).waitFor();
  await other.getByRole("banner").getByRole("button", { name: "Sign out" }).click();
  for (const tab of [page, other]) {
    await tab.waitForURL("**/sign-in");
    await tab.getByText("You are signed out, here and in your other tabs.").waitFor();
  }
  assert.equal(await page.getByText("Private").count(), 0);
});

test("a tab does not go on as another user when another user signs in in a second tab", async () => {
  const { page, context } = await member("nina");
  await add(page, "Nina's");
  const second = await member("noah");
  await add(second.page, "Noah's");
  const other = await context.newPage();
  await other.goto(`${base}/account`);
  await other.locator("#email").filter({ hasText: "nina@" }).waitFor();
  await ask(other, "/api/auth/sign-out", { method: "POST", body: "{}", headers: { "content-type": "application/json" } });
  await other.goto(`${base}/sign-in`);
  await signIn(other, "noah@example.com");
  await page.getByText("Noah's").waitFor();
  assert.deepEqual(await titles(page), ["Noah's"]);
});

test("a tab that did not hear of another user notices at the next token", async () => {
  const { page, context } = await member("lena");
  await add(page, "Lena's");
  await context.request.post(`${base}/api/auth/sign-in/email`, {
    data: { email: "noah@example.com", password: PASSWORD }, headers: { origin: base },
  });
  await advance(16 * 60, page);
  const made = requestsTo(page, /\/tasks$/);
  await page.locator("#title").fill("Whose is this?");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Noah's").waitFor();
  assert.deepEqual(made.filter((request) => request.method() === "POST"), [], "nothing is written into another's list");
});

test("nothing secret is kept where scripts of other pages or later users could find it", async () => {
  const { page, context } = await member("sara");
  await add(page, "x");
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.doesNotMatch(kept, /eyJ|better-auth/);
  const { origins } = await context.storageState({ indexedDB: true });
  assert.deepEqual(origins, []);
});

test("an address leads nowhere but to pages of ours after signing in", async () => {
  await member("hana");
  const foreign = ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "/api/auth/sign-out", "/tasks@evil.example", "https:evil.example", "data:text/html,x", "/sign-in", "%2f%2fevil.example", "http://[", ""];
  const { page } = await person();
  await page.goto(`${base}/sign-in?next=${encodeURIComponent(foreign[0])}`);
  await signIn(page, "hana@example.com");
  assert.equal(page.url(), `${base}/tasks`);
  // Who is signed in already is led on at once, by the same rule.
  for (const next of foreign) {
    await page.goto(`${base}/sign-in?next=${encodeURIComponent(next)}`);
    await page.waitForURL((url) => url.pathname !== "/sign-in");
    assert.equal(page.url(), `${base}/tasks`, next);
  }
  await page.context().clearCookies();
  await page.goto(`${base}/account`);
  await page.waitForURL("**/sign-in?next=%2Faccount");
  await signIn(page, "hana@example.com");
  assert.equal(page.url(), `${base}/account`);
});

test("a server that does not answer is no reason to sign a user out", async () => {
  const { page } = await member("dora");
  await titles(page);
  await page.route("**/api/**", (route) => route.abort());
  await page.locator("#title").fill("Typed in a tunnel");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "can’t be reached" }).waitFor();
  assert.equal(await page.locator("#title").inputValue(), "Typed in a tunnel");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are still signed in.").first().waitFor();
  await page.unroute("**/api/**");
  assert.equal(forgive(/ERR_FAILED/), 2);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, "Typed in a tunnel").waitFor();
});
