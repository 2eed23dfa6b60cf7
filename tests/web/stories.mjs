// The acceptance scenarios and edge cases of the feature specification, as a person meets them.
import assert from "node:assert/strict";
import test from "node:test";

import { PASSWORD, add, advance, ask, base, bearing, member, person, requestsTo, row, signIn, titles, tokenOf } from "./browser.mjs";

test("1.1 valid credentials make an account and lead to the sign-in page", async () => {
  const { page } = await person();
  await page.goto(`${base}/`);
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForURL("**/sign-in");
  await page.getByText("Your account is ready").waitFor();
  assert.equal((await ask(page, "/api/auth/get-session")).body, null, "no user is signed in before they sign in");
});

test("1.2 and 1.3 correct credentials lead to a token and to one's tasks", async () => {
  const { page, context } = await person();
  await page.goto(`${base}/sign-in`);
  const tokens = requestsTo(page, /^\/api\/auth\/token$/);
  const lists = requestsTo(page, /\/tasks$/);
  await signIn(page, "ada@example.com");
  assert.equal(new URL(page.url()).pathname, "/tasks");
  await page.getByText("Nothing to do yet").waitFor();
  assert.equal(tokens.length, 1);
  const [list] = lists.filter((request) => request.url().includes("/api/"));
  assert.match(list.headers().authorization, /^Bearer eyJ/, "the token is attached (FR-006)");
  await add(page, "Buy milk");
  assert.deepEqual(await titles(page), ["Buy milk"]);
  const [session] = (await context.cookies()).filter(({ name }) => name.endsWith("session_token"));
  assert.deepEqual([session.httpOnly, session.sameSite], [true, "Lax"]);
});

test("wrong credentials are explained, and what was typed stays", async () => {
  const { page } = await person();
  await page.goto(`${base}/sign-in`);
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password", { exact: true }).fill("wrong password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").filter({ hasText: "address or the password is wrong" }).waitFor();
  assert.equal(await page.getByLabel("E-mail address").inputValue(), "ada@example.com");
  await page.goto(`${base}/sign-up`);
  await page.getByLabel("Name").fill("Ada");
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Use at least 8 characters.").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("There is an account with this address already").waitFor();
  assert.equal(await page.getByLabel("E-mail address").getAttribute("aria-invalid"), "true");
});

test("2.1 to 2.3 a token is enough, none or a bad one is not", async () => {
  const { page } = await member("tess");
  const path = "/api/me/tasks";
  assert.equal((await ask(page, path, bearing(await tokenOf(page)))).status, 200);
  const without = await ask(page, path);
  assert.deepEqual([without.status, without.code], [401, "UNAUTHORIZED"]);
  for (const malformed of ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", (await tokenOf(page)).replace(".", ".A")]) {
    const refused = await ask(page, path, bearing(malformed));
    assert.deepEqual([refused.status, refused.code], [401, "INVALID_TOKEN"], malformed);
  }
});

test("3.1 and 3.2 two people in two browsers never see each other's tasks", async () => {
  const [alice, bob] = [await member("alice"), await member("bob")];
  await add(alice.page, "Alice's secret");
  await add(bob.page, "Bob's plan");
  await Promise.all([alice.page.reload(), bob.page.reload()]);
  assert.deepEqual(await titles(alice.page), ["Alice's secret"]);
  assert.deepEqual(await titles(bob.page), ["Bob's plan"]);
  const id = await row(alice.page, "secret").getAttribute("data-id");
  const bobs = bearing(await tokenOf(bob.page));
  const list = await ask(bob.page, `/api/${alice.id}/tasks`, bobs);
  assert.deepEqual([list.status, list.code], [403, "FORBIDDEN"]);
  for (const method of ["GET", "DELETE"]) {
    const hers = await ask(bob.page, `/api/${alice.id}/tasks/${id}`, { method, ...bobs });
    assert.equal(hers.status, 403, method);
    const asHis = await ask(bob.page, `/api/me/tasks/${id}`, { method, ...bobs });
    assert.equal(asHis.status, 404, method);
  }
  await alice.page.reload();
  assert.deepEqual(await titles(alice.page), ["Alice's secret"]);
});

test("an expired token is refused by the API and replaced by the page", async () => {
  const { page } = await member("eve");
  await titles(page);
  const old = await tokenOf(page);
  await advance(16 * 60, page);
  const refused = await ask(page, "/api/me/tasks", bearing(old));
  assert.deepEqual([refused.status, refused.code], [401, "INVALID_TOKEN"]);
  await add(page, "After a long pause");
});

test("a token that was mangled on the way is renewed once, unseen", async () => {
  const { page } = await person();
  let mangled = 0;
  await page.route("**/api/*/tasks?*", (route) => {
    const headers = { ...route.request().headers() };
    if (mangled++ === 0) headers.authorization = "Bearer a.b.c";
    return route.continue({ headers });
  });
  const tokens = requestsTo(page, /^\/api\/auth\/token$/);
  await page.goto(`${base}/sign-in`);
  await signIn(page, "eve@example.com");
  assert.deepEqual(await titles(page), ["After a long pause"]);
  assert.deepEqual([mangled, tokens.length], [2, 2]);
});

test("parallel requests share one token, and one renewal", async () => {
  const { page } = await member("paul");
  for (const title of ["one", "two", "three", "four", "five"]) await add(page, title);
  await advance(16 * 60, page);
  const tokens = requestsTo(page, /^\/api\/auth\/token$/);
  const marks = requestsTo(page, /\/complete$/);
  await page.evaluate(() => document.querySelectorAll("#list input").forEach((mark) => mark.click()));
  await page.waitForFunction(() => document.querySelectorAll("#list .done").length === 5);
  while (marks.length < 5) await page.waitForRequest(/complete$/);
  await Promise.all(marks.map((request) => request.response()));
  assert.deepEqual([marks.length, tokens.length], [5, 1]);
  assert.equal(new Set(marks.map((request) => request.headers().authorization)).size, 1);
  await page.reload();
  assert.equal((await titles(page)).length, 5);
  assert.equal(await page.locator("#list .done").count(), 5);
});

test("signing out makes the token invalid, here and at the API", async () => {
  const { page } = await member("olga");
  await add(page, "Private");
  const token = await tokenOf(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByText("You are signed out").waitFor();
  const refused = await ask(page, "/api/me/tasks", bearing(token));
  assert.deepEqual([refused.status, refused.code], [401, "INVALID_TOKEN"]);
  assert.equal((await ask(page, "/api/auth/token")).status, 401);
  await page.goBack();
  await page.waitForURL("**/sign-in**");
  assert.equal(await page.getByText("Private").count(), 0, "the browser's memory shows nothing either");
});
