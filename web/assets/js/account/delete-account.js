// Deleting the account.

import { forget, withSession } from "../session.js";
import { byId } from "../ui/dom.js";
import { clear, take } from "../ui/form.js";

export function start() {
  const [dialog, form] = [byId("delete-dialog"), byId("delete-form")];
  byId("delete").addEventListener("click", () => dialog.showModal());
  byId("delete-not").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    form.reset();
    clear(form);
  });
  take(form, async ({ password }) => {
    await withSession("/api/auth/delete-user", { method: "POST", body: { password } });
    forget("deleted");
  });
}
