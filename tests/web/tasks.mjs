// Working on one's tasks.
import assert from "node:assert/strict";
import test from "node:test";

import { add, advance, ask, base, bearing, forgive, member, row, titles, tokenOf } from "./browser.mjs";

/** The tasks as the API has them. */
async function stored(page) {
  return (await ask(page, "/api/me/tasks", bearing(await tokenOf(page)))).body;
}

/** Marks a task as done, or not, and waits until the server has it: the list shows it sooner. */
async function mark(page, title) {
  const kept = page.waitForResponse((response) => response.request().method() === "PATCH");
  await row(page, title).getByRole("checkbox").click();
  await kept;
}

test("adding, editing, completing, filtering and deleting, with the pointer", async () => {
  const { page } = await member("pia");
  await page.getByText("Nothing to do yet").waitFor();
  await add(page, "First");
  await advance(1); // of two tasks of one moment, neither is newer
  await page.locator("#title").fill("  Second  ");
  await page.getByRole("button", { name: "Add a note" }).click();
  await page.locator("#description").fill("with\na note");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, "Second").waitFor();
  assert.deepEqual(await titles(page), ["Second", "First"]);
  assert.equal(await row(page, "Second").locator(".note").textContent(), "with\na note");

  await mark(page, "First");
  await page.getByRole("radio", { name: "Open" }).check();
  assert.deepEqual(await titles(page), ["Second"]);
  assert.equal(page.url(), `${base}/tasks?show=open`);
  await page.reload();
  assert.deepEqual(await titles(page), ["Second"], "the filter survives a reload");
  await mark(page, "Second");
  await page.getByText("Nothing is open").waitFor();
  await page.getByRole("radio", { name: "Done" }).check();
  assert.deepEqual(await titles(page), ["Second", "First"]);
  await page.getByRole("radio", { name: "All" }).check();

  await row(page, "First").hover();
  await row(page, "First").getByRole("button", { name: "Edit" }).click();
  await page.getByRole("list").getByLabel("What is to be done").fill("First, changed");
  await page.getByRole("list").getByLabel("Note").fill("why not");
  await page.getByRole("button", { name: "Save" }).click();
  await row(page, "First, changed").waitFor();
  assert.equal(await row(page, "First, changed").getByRole("checkbox").isChecked(), true, "an edit changes no mark");

  await row(page, "Second").hover();
  await row(page, "Second").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Keep" }).click();
  await row(page, "Second").hover();
  await row(page, "Second").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("group", { name: "Delete Second?" }).getByRole("button", { name: "Delete" }).click();
  await row(page, "Second").waitFor({ state: "detached" });
  const [only, ...others] = await stored(page);
  assert.deepEqual(others, []);
  assert.deepEqual([only.title, only.description, only.completed], ["First, changed", "why not", true]);
});

test("everything can be done with the keyboard alone, and the focus is never lost", async () => {
  const { page } = await member("kay");
  await titles(page);
  const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);
  assert.equal(await focused(), "title", "one can type at once");
  for (const title of ["Three", "Two", "One"]) {
    await page.keyboard.type(title);
    await page.keyboard.press("Enter");
    await row(page, title).waitFor();
    await advance(1);
  }
  const check = (title) => row(page, title).getByRole("checkbox").getAttribute("id");
  await row(page, "One").getByRole("checkbox").focus();
  await page.keyboard.press("ArrowDown");
  assert.equal(await focused(), await check("Two"));
  await page.keyboard.press("Space");
  await page.locator(".done").filter({ hasText: "Two" }).waitFor();
  await page.waitForFunction((id) => document.activeElement.id === id, await check("Two"));
  await page.keyboard.press("e");
  await page.keyboard.press("End");
  await page.keyboard.type(" and a half");
  await page.keyboard.press("Enter");
  await row(page, "Two and a half").waitFor();
  assert.match(await focused(), /Edit/);
  await page.keyboard.press("Delete");
  assert.equal(await focused(), "Delete");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Delete");
  await page.keyboard.press("Enter");
  await row(page, "Two and a half").waitFor({ state: "detached" });
  assert.equal(await focused(), await check("Three"));
  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), await check("One"));
  assert.deepEqual(await titles(page), ["One", "Three"]);
});

test("an edit that begins while a mark is on its way is not lost, and does not undo the mark", async () => {
  const { page } = await member("quick");
  await add(page, "Slow");
  let answer;
  const asked = new Promise((resolve) => {
    page.route("**/complete", async (route) => {
      await new Promise((done) => {
        answer = done;
        resolve();
      });
      await route.continue();
    });
  });
  await row(page, "Slow").getByRole("checkbox").focus();
  await page.keyboard.press("Space");
  await asked;
  await page.keyboard.press("e");
  await page.keyboard.press("End");
  await page.keyboard.type("ly");
  const answered = page.waitForResponse("**/complete");
  answer();
  await answered;
  assert.equal(await page.getByRole("list").getByLabel("What is to be done").inputValue(), "Slowly");
  await page.keyboard.press("Enter");
  await row(page, "Slowly").getByRole("checkbox").waitFor();
  const [only] = await stored(page);
  assert.deepEqual([only.title, only.completed], ["Slowly", true]);
});

test("markup in a title, a note or a name is text", async () => {
  const evil = '<img src=x onerror="document.body.dataset.broken=1"><b>bold</b>';
  const { page } = await member("mallory", "/account");
  await page.locator("#email").filter({ hasText: "mallory@" }).waitFor();
  await page.getByLabel("Name").fill(evil);
  await page.getByRole("button", { name: "Save name" }).click();
  await page.getByText("Your name is saved.").first().waitFor();
  await page.locator("#claims td").filter({ hasText: "onerror" }).waitFor();
  await page.goto(`${base}/tasks`);
  await page.getByRole("button", { name: "Add a note" }).click();
  await page.locator("#description").fill(evil);
  await add(page, evil);
  await page.reload();
  assert.deepEqual(await titles(page), [evil]);
  assert.equal(await row(page, evil).locator(".note").textContent(), evil);
  await row(page, evil).hover();
  await row(page, evil).getByRole("button", { name: "Delete" }).click();
  assert.equal(await page.locator("main img, main b").count(), 0);
  assert.equal(await page.evaluate(() => document.body.dataset.broken), undefined);
});

test("a title that does not fit is refused beside its field, here and by the API", async () => {
  const { page } = await member("lou");
  await titles(page);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Say what is to be done.").waitFor();
  assert.equal(await page.locator("#title").getAttribute("aria-invalid"), "true");
  await page.locator("#title").fill("x".repeat(201));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Use 1 to 200 characters.").waitFor();
  assert.equal((await page.locator("#title").inputValue()).length, 201, "what was typed stays");
  await page.locator("#title").fill("x".repeat(200));
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await row(page, "xxx").waitFor();
});

test("a long list comes in pages", async () => {
  const { page } = await member("max");
  await titles(page);
  const token = await tokenOf(page);
  await page.evaluate(async (token) => {
    for (let number = 1; number <= 60; number++) {
      await fetch("/api/me/tasks", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ title: `Task ${number}`, completed: number % 2 === 0 }),
      });
    }
  }, token);
  await page.reload();
  assert.equal((await titles(page)).length, 25);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#list li").length === 50);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#list li").length === 60);
  await page.getByRole("button", { name: "Show more" }).waitFor({ state: "hidden" });
  assert.equal(new Set(await titles(page)).size, 60);
  await page.getByRole("radio", { name: "Done" }).check();
  await page.waitForFunction(() => document.querySelectorAll("#list li.done").length === 25);
  await page.getByRole("button", { name: "Show more" }).click();
  await page.waitForFunction(() => document.querySelectorAll("#list li.done").length === 30);
});

test("a task that is gone leaves the list, and trouble can be tried again", async () => {
  const { page } = await member("gus");
  await add(page, "Shared between tabs");
  const id = await row(page, "Shared").getAttribute("data-id");
  await ask(page, `/api/me/tasks/${id}`, { method: "DELETE", ...bearing(await tokenOf(page)) });
  await row(page, "Shared").getByRole("checkbox").click();
  await page.getByText("“Shared between tabs” is no longer there.").first().waitFor();
  assert.deepEqual(await titles(page), []);

  await page.route("**/api/*/tasks?*", (route) => route.abort());
  await page.reload();
  await page.getByRole("alert").filter({ hasText: "can’t be reached" }).waitFor();
  await page.unroute("**/api/*/tasks?*");
  assert.equal(forgive(/ERR_FAILED/), 1);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("Nothing to do yet").waitFor();
});

test("a change that fails is taken back where it was made", async () => {
  const { page } = await member("finn");
  await add(page, "Stubborn");
  await page.route("**/complete", (route) => route.abort());
  await row(page, "Stubborn").getByRole("checkbox").click();
  await page.getByText("can’t be reached").first().waitFor();
  assert.equal(await row(page, "Stubborn").getByRole("checkbox").isChecked(), false);
  await page.unroute("**/complete");
  assert.equal(forgive(/ERR_FAILED/), 1);
  await advance(16 * 60, page);
  await row(page, "Stubborn").getByRole("checkbox").click();
  await page.locator(".done").waitFor();
});
