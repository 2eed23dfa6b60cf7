// People in browsers of their own.
// In: the address of a server. Out: contexts and pages; every trouble that a page had fails the test that opened it.
// usage: SIGNET_TEST_CLIENTS=... SIGNET_TEST_BASE=... node SCRIPT
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, afterEach } from "node:test";
import { pathToFileURL } from "node:url";

import { Mailbox, linkOf } from "../clients/mailbox.mjs";

export const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { chromium } = (await import(pathToFileURL(require.resolve("playwright-core")).href)).default;

export const base = process.env.SIGNET_TEST_BASE;
export const PASSWORD = "correct horse battery";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: FLAGS });
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
let open = [];
let troubles = [];

after(async () => {
  await browser.close();
  process.stdin.destroy();
});

afterEach(async ({ passed }) => {
  const found = troubles;
  if (!passed) for (const page of open.flatMap((context) => context.pages())) await report(page);
  await Promise.all(open.map((context) => context.close()));
  [open, troubles] = [[], []];
  assert.deepEqual(found, [], "no error in the console, no report of the policy, no request to another host");
});

/** Prints what a page showed when its test failed: a missed wait says nothing else of what came instead. */
async function report(page) {
  const text = await page.locator("body").innerText({ timeout: 2_000 }).catch(String);
  console.log(`${page.url()} showed:\n${text.replace(/^/gm, "  | ")}\n`);
}

/** Lets time pass on the server, and on the pages that are given. */
export async function advance(seconds, ...pages) {
  console.log(`\n@@ advance ${seconds}`);
  await answers.next();
  for (const page of pages) await page.clock.fastForward(seconds * 1000);
}

/** A user with a browser of their own. */
export async function person(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  // Longer than the pages themselves wait for an answer.
  context.setDefaultTimeout(45_000);
  open.push(context);
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) =>
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  });
  context.on("console", (message) => {
    // The browser reports every answer of 4xx as an error; those are what people are shown.
    const isAnswer = /Failed to load resource: the server responded with a status of 4/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !isAnswer) troubles.push(message.text());
  });
  context.on("weberror", (error) => troubles.push(String(error.error())));
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (url.origin !== new URL(base).origin) troubles.push(`asks another host: ${url}`);
    if (/battery|eyJ|token=/.test(url.pathname + url.search)) troubles.push(`a secret in an address: ${url}`);
    if (request.headers().referer) troubles.push(`a referrer: ${request.headers().referer}`);
  });
  const page = await context.newPage();
  await page.clock.install();
  return { context, page };
}

/** The mail of this server. */
export const mail = new Mailbox(process.env.SIGNET_TEST_MAIL);

/** Where the link of a message leads at this server, whose tokens are in no part of an address that is sent or logged. */
export function placeOf(message) {
  const { pathname, search, hash } = linkOf(message);
  assert.equal(search, "");
  assert.match(hash, /^#token=[A-Za-z0-9_-]{20,}$/);
  return base + pathname + hash;
}

/** Takes back the troubles that a test has caused on purpose; says how many there were. */
export function forgive(pattern) {
  const before = troubles.length;
  troubles = troubles.filter((trouble) => !pattern.test(trouble));
  return before - troubles.length;
}

/** A user who has signed up and in, and looks at a page. */
export async function member(name, path = "/tasks", options = {}) {
  const visitor = await person(options);
  const email = `${name}@example.com`;
  const body = { name, email, password: PASSWORD };
  const answer = await visitor.context.request.post(`${base}/api/auth/sign-up/email`, { data: body });
  assert.equal(answer.status(), 200, await answer.text());
  const { user } = await answer.json();
  await visitor.page.goto(base + path);
  return { ...visitor, id: user.id, email };
}

/** Fills in the sign-in page and waits until it has led on. */
export async function signIn(page, email, password = PASSWORD) {
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname !== "/sign-in");
}

/** Adds a task as people do. */
export async function add(page, title) {
  await page.getByLabel("What is to be done").first().fill(title);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, title).waitFor();
}

/** The row of a task. */
export function row(page, title) {
  return page.getByRole("list", { name: "Tasks" }).getByRole("listitem").filter({ hasText: title });
}

/** The titles that the list shows, once it has settled. */
export async function titles(page) {
  await page.locator("#list:not([aria-busy])").waitFor({ state: "attached" });
  return page.locator("#list .title").allTextContents();
}

/** The requests of a page to a path, from now on. */
export function requestsTo(page, path) {
  const seen = [];
  page.on("request", (request) => {
    if (new URL(request.url()).pathname.match(path)) seen.push(request);
  });
  return seen;
}

/** What the API says to a page that asks by itself: status and code. */
export function ask(page, path, options = {}) {
  return page.evaluate(async ({ path, options }) => {
    const response = await fetch(path, options);
    const body = response.status === 204 ? null : await response.json();
    return { status: response.status, code: body?.code, body };
  }, { path, options });
}

/** A token for the user of a page. */
export async function tokenOf(page) {
  return (await ask(page, "/api/auth/token")).body.token;
}

export function bearing(token) {
  return { headers: { authorization: `Bearer ${token}` } };
}
