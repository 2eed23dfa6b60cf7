// A person at the page of examples/react, served from an origin of its own; the page is built first, and its types are checked.
// usage: node react.mjs SIGNET PAGE_PORT FOLDER   (FOLDER: a copy of the example below the installed packages)
// It prints "expire" and waits for a line: then every JWT is to be out of date.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { open } from "./browser.mjs";

const [signet, port, folder] = process.argv.slice(2);
const installed = process.env.SIGNET_TEST_CLIENTS;
const require = createRequire(`${installed}/package.json`);
const { build, preview } = await import(pathToFileURL(require.resolve("vite")).href);
const lines = createInterface({ input: process.stdin });

const compiler = `${installed}/node_modules/typescript/bin/tsc`;
const checked = promisify(execFile)(process.execPath, [compiler, "-p", folder]).catch(({ stdout }) => stdout);
process.env.VITE_SIGNET_URL = signet;
await build({ root: folder, logLevel: "warn" });
const pages = await preview({ root: folder, preview: { host: "localhost", port: Number(port), strictPort: true } });
const home = `http://localhost:${port}`;
const { browser, context, page, troubles } = await open([home, signet]);

const bearers = new Set();
context.on("request", (request) => {
  const bearer = request.headers().authorization;
  if (bearer) bearers.add(bearer);
});
const heading = (name) => page.getByRole("heading", { name });
const press = (name) => page.getByRole("button", { name, exact: true }).click();
const task = (title) => page.getByRole("checkbox", { name: title });

await page.goto(home);
await press("I am new here");
await page.getByLabel("Name").fill("Ada");
await page.getByLabel("E-mail").fill("ada@example.com");
await page.getByLabel("Password").fill("short");
await press("Sign up");
await page.getByRole("alert").filter({ hasText: "Password too short" }).waitFor();
await page.getByLabel("Password").fill("correct horse battery");
await press("Sign up");
await heading("Ada’s tasks").waitFor();

async function add(title) {
  await page.getByLabel("Title").fill(title);
  await press("Add");
  await task(title).waitFor();
}
await add("Buy milk");
await add("Feed the cat");
await task("Buy milk").click();
await page.getByRole("checkbox", { name: "Buy milk", checked: true }).waitFor();
await press("Delete Feed the cat");
await task("Feed the cat").waitFor({ state: "detached" });
assert.equal(bearers.size, 1, "one token for all of it");

// The session is in a cookie of Signet that no script can read; the page has stored nothing.
assert.equal(await page.evaluate(() => document.cookie), "");
assert.deepEqual(await page.evaluate(() => Object.keys({ ...localStorage, ...sessionStorage })), []);
await page.reload();
await page.getByRole("checkbox", { name: "Buy milk", checked: true }).waitFor();

// Past the life of the token, in the middle of a session, a task is added as ever.
const before = bearers.size;
console.log("expire");
await once(lines, "line");
await add("Water the plants");
assert.equal(bearers.size, before + 1, "one new token");

// Another tab of the same browser learns that its person has left.
const other = await context.newPage();
await other.goto(home);
await other.getByRole("heading", { name: "Ada’s tasks" }).waitFor();
await press("Sign out");
await heading("Sign in").waitFor();
await other.getByRole("heading", { name: "Sign in" }).waitFor();

await page.getByLabel("E-mail").fill("ada@example.com");
await page.getByLabel("Password").fill("wrong password");
await press("Sign in");
await page.getByRole("alert").filter({ hasText: "Invalid email or password" }).waitFor();
await page.getByLabel("Password").fill("correct horse battery");
await press("Sign in");
await task("Water the plants").waitFor();

await browser.close();
await pages.close();
lines.close();
assert.deepEqual(troubles, []);
assert.deepEqual(await checked, { stdout: "", stderr: "" }, "the types are right");
console.log("react: signed up, in and out, and minded the tasks");
