// One task in the list.
// In: a task, and whom to tell. Out: its row, which shows it, edits it and asks before it deletes it.
// Owns: the focus stays in the row while the row changes its shape; an answer that comes late closes no form.

import { ApiError } from "../api.js";
import { element, say, show } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { explained, moment } from "../messages.js";
import * as tasks from "./api.js";

/**
 * @param {object} task
 * @param {{changed: (row: Element, task: object) => void, gone: (row: Element) => void}} listeners
 */
export function row(task, listeners) {
  const own = element("li", { class: task.completed ? "row done" : "row", "data-id": task.id });
  /** The mark that is on its way to the server, if there is one. */
  let marking = null;
  const read = () => own.replaceChildren(...reading());
  read();
  own.addEventListener("keydown", (event) => onKey(event));
  own.addEventListener("resume", ({ detail }) => edit(detail));
  return own;

  function reading() {
    const mark = element("input", { type: "checkbox", id: `done-${task.id}`, onchange: () => (marking = complete(mark)) });
    mark.checked = task.completed;
    return [
      element("span", { class: "tick" }, mark),
      element(
        "div",
        { class: "what", title: `Last changed ${moment(task.updated_at)}` },
        element("label", { class: "title", for: mark.id }, task.title),
        task.description ? element("p", { class: "note" }, task.description) : null,
      ),
      element(
        "div",
        { class: "tools" },
        element("button", { type: "button", class: "bare small", "aria-label": `Edit ${task.title}`, onclick: () => edit() }, "Edit"),
        element("button", { type: "button", class: "bare small", "aria-label": `Delete ${task.title}`, onclick: askToRemove }, "Delete"),
      ),
    ];
  }

  /** Whether it is being edited, or asks whether to delete. */
  function isOpen() {
    return own.querySelector("form, .sure") !== null;
  }

  /** Goes back to showing the task, with the focus where it was before. */
  function close(selector) {
    read();
    own.querySelector(selector).focus();
  }

  async function complete(mark) {
    const completed = mark.checked;
    own.classList.toggle("done", completed);
    try {
      const fresh = await tasks.complete(task.id, completed);
      const hadFocus = own.contains(document.activeElement);
      say(`${completed ? "Done" : "Open again"}: ${task.title}`);
      task = fresh;
      if (isOpen()) return; // the user has begun to edit it meanwhile
      listeners.changed(own, fresh);
      if (hadFocus) document.getElementById(mark.id)?.focus();
    } catch (error) {
      mark.checked = !completed;
      own.classList.toggle("done", !completed);
      fail(error);
    }
  }

  function edit(typed = {}) {
    const id = (name) => `${name}-${task.id}`;
    const title = element("input", { id: id("title"), name: "title", autocomplete: "off", required: true, "data-missing": "Say what is to be done.", value: task.title, "aria-describedby": `${id("title")}-error` });
    const note = element("textarea", { id: id("note"), name: "description", placeholder: "A note, if you like", "aria-describedby": `${id("note")}-error` }, task.description);
    const form = element(
      "form",
      { class: "edit", method: "post", "data-keep": `edit:${task.id}` },
      element("label", { class: "unseen", for: title.id }, "What is to be done"),
      title,
      element("p", { class: "error", id: `${title.id}-error` }),
      element("label", { class: "unseen", for: note.id }, "Note"),
      note,
      element("p", { class: "error", id: `${note.id}-error` }),
      element("p", { class: "message", role: "alert" }),
      element(
        "p",
        { class: "actions" },
        element("button", { type: "submit", class: "small" }, "Save"),
        element("button", { type: "button", class: "bare small", onclick: () => close("button") }, "Cancel"),
      ),
    );
    take(form, async (values) => {
      try {
        await marking;
        const draft = { title: values.title.trim(), description: values.description, completed: task.completed };
        const fresh = await tasks.replace(task.id, draft);
        say(`Saved: ${fresh.title}`);
        listeners.changed(own, fresh);
        document.querySelector(`[data-id="${task.id}"] button`)?.focus();
      } catch (error) {
        if (!isGone(error)) throw error;
        fail(error);
      }
    });
    own.replaceChildren(form);
    title.value = typed.title ?? task.title;
    note.value = typed.description ?? task.description;
    title.focus();
  }

  function askToRemove() {
    const yes = element("button", { type: "button", class: "danger small", onclick: remove }, "Delete");
    own.replaceChildren(
      element(
        "div",
        { class: "sure", role: "group", "aria-label": `Delete ${task.title}?` },
        element("p", {}, "Delete ", element("strong", {}, task.title), "?"),
        element("p", { class: "actions" }, yes, element("button", { type: "button", class: "bare small", onclick: () => close("button:last-of-type") }, "Keep")),
      ),
    );
    yes.focus();
  }

  async function remove() {
    try {
      await tasks.remove(task.id);
      say(`Deleted: ${task.title}`);
      listeners.gone(own);
    } catch (error) {
      if (!isGone(error)) close("input");
      fail(error);
    }
  }

  /** What could not be done is said; a task that another tab or device has deleted leaves the list. */
  function fail(error) {
    if (!(error instanceof ApiError)) throw error;
    show(isGone(error) ? `“${task.title}” is no longer there.` : explained(error));
    if (isGone(error)) listeners.gone(own);
  }

  function onKey(event) {
    const isTyping = event.target.matches("textarea, input:not([type=checkbox])");
    if (event.key === "Escape" && isOpen()) close("button");
    else if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    else if (event.key === "ArrowDown") own.nextElementSibling?.querySelector("input, button")?.focus();
    else if (event.key === "ArrowUp") own.previousElementSibling?.querySelector("input, button")?.focus();
    else if (isOpen()) return;
    else if (event.key === "e") edit();
    else if (event.key === "Delete") askToRemove();
    else return;
    event.preventDefault();
  }
}

function isGone(error) {
  return error instanceof ApiError && error.status === 404;
}
