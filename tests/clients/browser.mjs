// A page in Debian's Chromium that reaches the given origins and no other, and notes what goes wrong in it.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { chromium } = (await import(pathToFileURL(require.resolve("playwright-core")).href)).default;

/** Opens a page. `troubles` is to be empty at the end: errors on the console, exceptions, requests to other hosts. */
export async function open(origins) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  // Longer than the pages themselves wait for an answer.
  context.setDefaultTimeout(45_000);
  const troubles = [];
  context.on("console", (message) => {
    // The browser reports every answer of 4xx as an error; those are what the person is shown.
    const isAnswer = /Failed to load resource: the server responded with a status of 4/.test(message.text());
    if (message.type() === "error" && !isAnswer) troubles.push(message.text());
  });
  context.on("weberror", (error) => troubles.push(String(error.error())));
  const known = origins.map((origin) => new URL(origin).origin);
  await context.route("**", (route) => {
    if (known.includes(new URL(route.request().url()).origin)) return route.continue();
    troubles.push(`asks another host: ${route.request().url().slice(0, 200)}`);
    return route.abort();
  });
  return { browser, context, page: await context.newPage(), troubles };
}
