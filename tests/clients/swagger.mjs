// A person at /docs, in a real browser with no other host to reach: signs up, gets a token, authorizes, creates a task.
// usage: node swagger.mjs BASE_URL [SCREENSHOT]
import assert from "node:assert/strict";
import { open } from "./browser.mjs";

const [base, screenshot] = process.argv.slice(2);
const { browser, context, page, troubles } = await open([base]);

/** Opens an operation, tries it out as it stands there, and hands on what came back. */
async function tryOut(operation) {
  const block = page.locator(`.opblock:has([data-path="${operation.path}"]).opblock-${operation.method}`).first();
  await block.locator(".opblock-summary-control").first().click();
  await block.locator(".try-out__btn").click();
  for (const [name, value] of Object.entries(operation.parameters ?? {})) {
    await block.locator(`tr[data-param-name="${name}"] input`).fill(value);
  }
  await block.locator(".execute").click();
  const live = block.locator(".live-responses-table .response").first();
  await live.waitFor({ timeout: 45_000 });
  const status = Number((await live.locator(".response-col_status").innerText()).trim().split(/\s/)[0]);
  const text = await live.locator(".highlight-code, pre").first().innerText();
  return { status, text };
}

await page.goto(`${base}/docs`);
await page.locator(".opblock").first().waitFor();
assert.match(await page.title(), /Signet/);

const up = await tryOut({ path: "/api/auth/sign-up/email", method: "post" });
assert.equal(up.status, 200, up.text);

/** Gives a credential under its name in the dialog. */
async function authorize(name, value) {
  await page.locator(".auth-wrapper .authorize").first().click();
  const scheme = page.locator(".auth-container", { has: page.locator("h4", { hasText: name }) }).first();
  await scheme.locator("input").fill(value);
  await scheme.locator("button.authorize").click();
  await page.locator(".modal-ux .close-modal").click();
}

// The browser keeps the session's cookie; a program without one has the token of the session.
await context.clearCookies();
await authorize("sessionToken", up.text.match(/"token":\s*"(\w+)"/)[1]);
const session = await tryOut({ path: "/api/auth/get-session", method: "get" });
assert.match(session.text, /ada@example\.com/);

const got = await tryOut({ path: "/api/auth/token", method: "get" });
assert.equal(got.status, 200, got.text);
const token = got.text.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/)[0];

await authorize("jwt", token);
const made = await tryOut({ path: "/api/{user_id}/tasks", method: "post", parameters: { user_id: "me" } });
assert.equal(made.status, 201, made.text);
assert.match(made.text, /Buy milk/);
if (screenshot) {
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.screenshot({ path: screenshot });
}
await browser.close();
assert.deepEqual(troubles, []);
console.log("swagger: signed up, authorized, and made a task");
