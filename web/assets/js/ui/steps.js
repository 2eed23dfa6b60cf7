// The steps of a page, of which one is shown at a time.

/** Shows the step of this name, and leads the focus to its heading: whoever does not see the page hears what has changed. */
export function turnTo(name) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  document.querySelector(`[data-step="${name}"] h1`).focus();
}
