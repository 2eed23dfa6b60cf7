// Deleting the account: at once, or with the link of a mail where the server sends any.

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
    const { body } = await withSession("/api/auth/delete-user", { method: "POST", body: { password } });
    if (body.message === "User deleted") {
      forget("deleted");
      return;
    }
    dialog.close();
    byId("delete-sent").textContent = "We have sent you a mail. Open its link within a day, and confirm there that everything shall be deleted.";
  });
}
