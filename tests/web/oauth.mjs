// The pages that clients send users to, with and without scripts; and what users have given, on their account.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { findings } from "./axe.mjs";
import { PASSWORD, base, member, mail, person, placeOf, signIn } from "./browser.mjs";

const PICTURES = process.env.SIGNET_TEST_PICTURES;
const VERIFIER = "a-verifier-of-forty-three-characters-or-more~._";
/** Where the client of these tests is: a page of this server, so that no other host is asked. */
const CALLBACK = `${base}/healthz`;

function authorize(more = {}) {
  const query = new URLSearchParams({
    response_type: "code",
    client_id: "reports",
    redirect_uri: CALLBACK,
    scope: "openid profile email offline_access tasks:read",
    state: "a state",
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
    code_challenge_method: "S256",
    ...more,
  });
  return `${base}/api/auth/oauth2/authorize?${query}`;
}

async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
}

/** No page is wider than its screen, and nobody is kept out of it. */
async function fits(page, name) {
  const [wide, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= screen, `${name} is ${wide} wide on a screen of ${screen}`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, .button, input:not([type=hidden], [type=checkbox])")]
      .filter((target) => target.getClientRects().length && target.getBoundingClientRect().height < 44)
      .map((target) => target.outerHTML));
  assert.deepEqual(small, [], `${name}: 44 px for each target`);
  assert.deepEqual(await findings(page, name), []);
  await picture(page, name);
}

const SCREENS = [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["narrow", { colorScheme: "light", viewport: { width: 320, height: 640 } }],
  ["narrow-dark", { colorScheme: "dark", viewport: { width: 320, height: 640 } }],
];

async function account(name) {
  const email = `${name}@example.com`;
  const { context } = await person();
  const body = { name, email, password: PASSWORD };
  const answer = await context.request.post(`${base}/api/auth/sign-up/email`, { data: body });
  assert.equal(answer.status(), 200, await answer.text());
  return email;
}

for (const [name, options] of SCREENS) {
  test(`sign-in, consent, error and answer pages are accessible and fit, ${name}`, async () => {
    const email = await account(`screen-${name}`);
    const { page, context } = await person({ ...options, reducedMotion: "reduce" });
    await page.goto(authorize({ login_hint: email }));
    await page.getByText("to continue to Reports").waitFor();
    await fits(page, `sign-in-${name}`);
    await page.getByLabel("Password").fill("not the password");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await fits(page, `sign-in-refused-${name}`);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Allow access?" }).waitFor();
    await page.getByText(email).waitFor();
    await fits(page, `consent-${name}`);
    const asked = page.url();
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForURL(`${CALLBACK}?code=*`);
    await page.goto(asked);
    await page.getByText("This sign-in is over").waitFor();
    await page.getByRole("link", { name: "Go back to Reports" }).waitFor();
    await fits(page, `over-${name}`);
    await page.goto(authorize({ client_id: "unknown" }));
    await page.getByRole("heading", { name: "Unknown application" }).waitFor();
    await page.getByText(/Incident [0-9a-f]{16}/).waitFor();
    await fits(page, `error-${name}`);
    await context.close();
    const plain = await person({ ...options, javaScriptEnabled: false });
    await plain.page.goto(authorize({ response_mode: "form_post", prompt: "none" }));
    await plain.page.getByRole("button", { name: "Continue" }).waitFor();
    await picture(plain.page, `form-post-${name}`);
  });
}

test("a whole sign-in works without scripts, also in German and with a form as its answer", async () => {
  const email = await account("plain");
  const { page } = await person({ javaScriptEnabled: false, locale: "de" });
  await page.goto(authorize({ state: "\"><script>", response_mode: "form_post" }));
  await page.getByLabel("E-Mail-Adresse").fill(email);
  await page.getByLabel("Passwort").fill(PASSWORD);
  await page.getByRole("button", { name: "Anmelden" }).click();
  await page.getByText("Ihre Aufgaben lesen").waitFor();
  await page.getByRole("button", { name: "Erlauben" }).click();
  await page.getByRole("button", { name: "Weiter" }).waitFor();
  assert.equal(await page.locator("input[name=state]").inputValue(), "\"><script>");
  assert.match(await page.locator("input[name=code]").inputValue(), /^signet_code_/);
});

test("the form of an answer is sent by its own script, which the policy lets run", async () => {
  const { page } = await person();
  const sent = page.waitForRequest((request) => request.method() === "POST" && request.url() === CALLBACK);
  await page.goto(authorize({ response_mode: "form_post", prompt: "none" }));
  const pairs = new URLSearchParams((await sent).postData());
  assert.deepEqual([pairs.get("error"), pairs.get("state"), pairs.get("iss")], ["login_required", "a state", base]);
});

test("refusing leads back to the application from either page", async () => {
  const email = await account("refusing");
  const { page } = await person();
  await page.goto(authorize());
  await page.getByRole("button", { name: "Cancel and go back" }).click();
  await page.waitForURL((url) => url.searchParams.get("error") === "access_denied");
  await page.goto(authorize());
  await signIn(page, email);
  await page.getByRole("button", { name: "Refuse" }).click();
  await page.waitForURL((url) => url.searchParams.get("error") === "access_denied");
});

test("who signs up on the way comes back to the application", async () => {
  const { page } = await person();
  await page.goto(authorize());
  await page.getByRole("link", { name: "Create an account" }).click();
  await page.getByLabel("Name").fill("Newcomer");
  await page.getByLabel("E-mail address").fill("newcomer@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("to continue to Reports").waitFor();
  await signIn(page, "newcomer@example.com");
  await page.getByRole("button", { name: "Allow" }).click();
  await page.waitForURL(`${CALLBACK}?code=*`);
});

test("who has forgotten the password on the way comes back to the application", async () => {
  const email = await account("forgetful");
  const { page, context } = await person();
  await page.goto(authorize());
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("E-mail address").fill(email);
  await page.getByRole("button", { name: "Send me a link" }).click();
  await page.getByRole("heading", { name: "Check your mail" }).waitFor();
  const tab = await context.newPage();
  await tab.goto(placeOf(await mail.next(email, /reset-password#/)));
  await tab.getByLabel("New password", { exact: true }).fill("another correct battery");
  await tab.getByRole("button", { name: "Save the password" }).click();
  await tab.getByText("to continue to Reports").waitFor();
  await signIn(tab, email, "another correct battery");
  await tab.getByRole("button", { name: "Allow" }).click();
  await tab.waitForURL(`${CALLBACK}?code=*`);
});

test("applications are listed on the account, and access is taken away", async () => {
  const { page, email } = await member("giver", "/account");
  await page.getByText("You have not signed in to any application yet.").waitFor();
  await page.goto(authorize());
  await page.getByText(email).waitFor();
  await page.getByRole("button", { name: "Allow" }).click();
  await page.waitForURL(`${CALLBACK}?code=*`);
  await page.goto(`${base}/account`);
  const list = page.getByRole("list", { name: "Applications" });
  await list.getByText("Reports").waitFor();
  await list.getByText(/May know who you are, .*read your tasks/).waitFor();
  assert.deepEqual(await findings(page, "applications"), []);
  await picture(page, "account");
  await page.getByRole("button", { name: "Take access away from Reports" }).click();
  await page.getByText("Reports can do nothing in your name any more").waitFor();
  assert.deepEqual(await findings(page, "the dialog"), []);
  await picture(page, "account-dialog");
  await page.getByRole("button", { name: "Keep it" }).click();
  assert.equal(await list.getByRole("listitem").count(), 1);
  await page.getByRole("button", { name: "Take access away from Reports" }).click();
  await page.getByRole("button", { name: "Take access away", exact: true }).click();
  await page.getByText("You have not signed in to any application yet.").waitFor();
  await page.goto(authorize());
  await page.getByRole("heading", { name: "Allow access?" }).waitFor();
});
