// A rotation in the middle of a session; the keys of this server change every few seconds.
import assert from "node:assert/strict";
import test from "node:test";

import { add, base, bearing, member, titles, tokenOf, ask } from "./browser.mjs";

test("the key changes in the middle of a session, and no page notices", async () => {
  const { page, context } = await member("rosa", "/account");
  const board = await context.newPage();
  await board.goto(`${base}/tasks`);
  await add(board, "Before");
  const old = await tokenOf(board);
  const kid = () => page.locator("#token-kid").textContent();
  await page.locator("#token-proof.good").waitFor();
  const first = await kid();
  const drawing = () => page.locator("#token-seal path").nth(1).getAttribute("d");
  const firstDrawing = await drawing();
  const deadline = Date.now() + 60_000;
  while ((await kid()) === first && Date.now() < deadline) {
    await page.getByRole("button", { name: "Renew now" }).click();
    await page.locator("#token-proof.good").waitFor();
  }
  assert.notEqual(await kid(), first, "the key has changed");
  assert.notEqual(await drawing(), firstDrawing, "and so has its drawing");
  assert.equal((await ask(board, "/api/me/tasks", bearing(old))).status, 200, "a token of the old key is still good");
  await add(board, "After");
  assert.deepEqual(await titles(board), ["After", "Before"]);
});
