// A person at /docs who authorizes by signing in: the code flow with PKCE in a window of its own, and a call as themselves.
// usage: node swagger_oauth.mjs BASE_URL [SCREENSHOT]
import assert from "node:assert/strict";
import { open } from "./browser.mjs";

const [base, screenshot] = process.argv.slice(2);
const { browser, context, page, troubles } = await open([base]);
const account = { name: "Ada", email: "ada@example.com", password: "correct horse battery" };
const made = await fetch(`${base}/api/auth/sign-up/email`, {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(account),
});
assert.equal(made.status, 200, await made.text());

const asked = [];
context.on("request", (request) => asked.push(request));
await page.goto(`${base}/docs`);
await page.locator(".opblock").first().waitFor();
await page.locator(".auth-wrapper .authorize").first().click();
const scheme = page.locator(".auth-container", { has: page.locator("h4", { hasText: "oauth2" }) }).first();
assert.equal(await scheme.locator("#client_id_authorizationCode").inputValue(), "swagger-ui", "nothing to look up");
for (const scope of ["tasks:read", "tasks:write"]) {
  const box = scheme.locator(`input[data-value="${scope}"]`);
  if (!(await box.isChecked())) await scheme.locator("label", { has: box }).or(box.locator("xpath=following-sibling::label")).first().click();
}
const [popup] = await Promise.all([context.waitForEvent("page"), scheme.locator("button.authorize").click()]);
await popup.getByLabel("E-mail address").fill(account.email);
await popup.getByLabel("Password", { exact: true }).fill(account.password);
await Promise.all([popup.waitForEvent("close"), popup.getByRole("button", { name: "Sign in", exact: true }).click()]);
await scheme.locator("button", { hasText: "Logout" }).waitFor();
if (screenshot) await page.screenshot({ path: screenshot });
await page.locator(".modal-ux .close-modal").click();

const authorize = asked.find((request) => new URL(request.url()).pathname === "/api/auth/oauth2/authorize");
const query = new URL(authorize.url()).searchParams;
assert.equal(query.get("code_challenge_method"), "S256");
assert.equal(query.get("redirect_uri"), `${base}/docs/oauth2-redirect.html`);
const exchange = asked.find((request) => new URL(request.url()).pathname === "/api/auth/oauth2/token");
assert.match(exchange.postData(), /code_verifier=/);

const block = page.locator('.opblock:has([data-path="/api/{user_id}/tasks"]).opblock-get').first();
await block.locator(".opblock-summary-control").first().click();
await block.locator(".try-out__btn").click();
await block.locator('tr[data-param-name="user_id"] input').fill("me");
await Promise.all([
  page.waitForResponse((answer) => answer.url().includes("/api/me/tasks") && answer.status() === 200),
  block.locator(".execute").click(),
]);
const call = asked.find((request) => request.url().includes("/api/me/tasks"));
assert.match(call.headers().authorization, /^Bearer eyJ/);
const claims = JSON.parse(Buffer.from(call.headers().authorization.split(".")[1], "base64url"));
assert.deepEqual([claims.client_id, claims.scope.split(" ").sort().join(" ")], ["swagger-ui", "tasks:read tasks:write"]);
await browser.close();
assert.deepEqual(troubles, []);
console.log("swagger: signed in by the code flow, and read the tasks");
