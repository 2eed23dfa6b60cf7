// What to be called.

import { renew, withSession } from "../session.js";
import { byId, say, show } from "../ui/dom.js";
import { take } from "../ui/form.js";

/** @param {object | undefined} typed what was typed before the session ended */
export function start({ name }, typed) {
  const form = byId("profile");
  const input = form.elements.name;
  input.defaultValue = name;
  if (typed) input.value = typed.name;
  take(form, async (values) => {
    const fresh = values.name.trim();
    await withSession("/api/auth/update-user", { method: "POST", body: { name: fresh } });
    input.defaultValue = fresh;
    form.reset();
    show("Your name is saved.");
    // The name is a claim: the next token carries it.
    await renew().catch(() => say("The next token will carry it."));
    dispatchEvent(new Event("renewed"));
  });
}
