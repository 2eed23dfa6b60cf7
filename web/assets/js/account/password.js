// Changing the password.

import { renew, withSession } from "../session.js";
import { byId, show } from "../ui/dom.js";
import { problemOfNewPassword, take } from "../ui/form.js";

export function start() {
  const form = byId("change");
  take(
    form,
    async ({ currentPassword, newPassword, revokeOtherSessions }) => {
      const body = { currentPassword, newPassword, revokeOtherSessions };
      await withSession("/api/auth/change-password", { method: "POST", body });
      form.reset();
      show(revokeOtherSessions ? "Your password is changed, and you are signed out everywhere else." : "Your password is changed.");
      if (!revokeOtherSessions) return;
      // Every session has ended, this one too; the answer has opened a new one, for which a new token is needed.
      await renew();
      dispatchEvent(new Event("renewed"));
    },
    ({ newPassword }) => {
      const problem = newPassword === "" ? null : problemOfNewPassword(newPassword);
      return problem ? { newPassword: problem } : {};
    },
  );
}
