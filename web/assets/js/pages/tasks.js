// Your tasks.
// In: the first page of them. Out: a list that is added to, changed and thinned out where one is.
// Owns: what is shown is what the server said last; the filter is part of the address, so that it survives a reload.

import * as drafts from "../drafts.js";
import * as session from "../session.js";
import * as tasks from "../tasks/api.js";
import { row } from "../tasks/row.js";
import { byId, say } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { start } from "../ui/header.js";
import { explained } from "../messages.js";

const EMPTY = {
  all: ["Nothing to do yet", "Write down the first thing above. Only you will see it."],
  open: ["All done", "Nothing is open. Enjoy it."],
  done: ["Nothing done yet", "What you tick off is kept here."],
};

const list = byId("list");
const load = byId("load");
let next = null;

start();
const { claims } = await session.token();
const kept = drafts.take(claims.sub);

// The address says what is shown.

const filter = byId("filter");
const choices = [...filter.querySelectorAll("input")];

function shown() {
  return choices.find((choice) => choice.checked).value;
}

const asked = new URLSearchParams(location.search).get("show");
for (const choice of choices) choice.checked = choice.value === (EMPTY[asked] ? asked : "all");
filter.addEventListener("change", () => {
  history.replaceState(null, "", shown() === "all" ? location.pathname : `?show=${shown()}`);
  refresh();
});

// The list.

/** A change of the filter while an answer is on its way makes that answer stale. */
let round = 0;

async function refresh() {
  const own = ++round;
  list.ariaBusy = "true";
  try {
    const page = await tasks.list(shown());
    if (own !== round) return;
    list.replaceChildren(...page.tasks.map(rowOf));
    next = page.next;
    byId("trouble").hidden = true;
    settle();
  } catch (error) {
    if (own !== round) return;
    list.replaceChildren();
    byId("nothing").hidden = true;
    load.hidden = true;
    byId("trouble-text").textContent = explained(error);
    byId("trouble").hidden = false;
  } finally {
    if (own === round) list.ariaBusy = null;
  }
}

byId("again").addEventListener("click", refresh);

load.addEventListener("click", async () => {
  const own = round;
  load.ariaDisabled = "true";
  try {
    const page = await tasks.follow(next);
    if (own !== round) return;
    const rows = page.tasks.map(rowOf);
    list.append(...rows);
    next = page.next;
    settle();
    say(`${rows.length} more`);
    rows[0]?.querySelector("input").focus();
  } catch (error) {
    byId("trouble-text").textContent = explained(error);
    byId("trouble").hidden = false;
  } finally {
    load.ariaDisabled = null;
  }
});

function rowOf(task) {
  return row(task, { changed, gone });
}

/** A task is as the server says now. It leaves a list to which it no longer belongs. */
function changed(old, task) {
  const belongs = shown() === "all" || (shown() === "done") === task.completed;
  if (belongs) old.replaceWith(rowOf(task));
  else leave(old);
}

function gone(old) {
  leave(old);
}

function leave(old) {
  const neighbour = old.nextElementSibling ?? old.previousElementSibling;
  const hadFocus = old.contains(document.activeElement);
  old.remove();
  settle();
  if (hadFocus) (neighbour?.querySelector("input") ?? byId("title")).focus();
}

/** Shows what belongs below the list. An emptied page with more behind it is filled again. */
function settle() {
  const isEmpty = list.childElementCount === 0;
  if (isEmpty && next) {
    refresh();
    return;
  }
  [byId("nothing-title").textContent, byId("nothing-text").textContent] = EMPTY[shown()];
  byId("nothing").hidden = !isEmpty;
  byId("keys").hidden = isEmpty;
  load.hidden = next === null;
}

// Adding.

const add = byId("add");
const more = byId("more");

function openDetails(open) {
  byId("details").hidden = !open;
  more.ariaExpanded = String(open);
  more.hidden = open;
}

more.addEventListener("click", () => {
  openDetails(true);
  byId("description").focus();
});

take(add, async ({ title, description }) => {
  const task = await tasks.add({ title: title.trim(), description });
  add.reset();
  openDetails(false);
  byId("title").focus();
  say(`Added: ${task.title}`);
  if (shown() === "done") return;
  list.prepend(rowOf(task));
  settle();
});

// What was typed before the session ended.

function restore() {
  for (const [form, typed] of kept) {
    if (form === "add") {
      byId("title").value = typed.title ?? "";
      byId("description").value = typed.description ?? "";
      openDetails(Boolean(typed.description));
    } else {
      const id = form.slice("edit:".length);
      list.querySelector(`[data-id="${CSS.escape(id)}"]`)?.dispatchEvent(new CustomEvent("resume", { detail: typed }));
    }
  }
}

byId("title").focus({ preventScroll: true });
await refresh();
restore();
