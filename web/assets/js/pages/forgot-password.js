// Asking for a link to choose a new password. The answer is the same whether or not there is such an account.

import { post } from "../api.js";
import * as navigation from "../navigation.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { turnTo } from "../ui/steps.js";

take(byId("form"), async ({ email }) => {
  await post("/api/auth/request-password-reset", { email });
  navigation.remember();
  byId("sent-to").textContent = email;
  turnTo("sent");
});

byId("back").search = location.search;
byId("again").addEventListener("click", () => {
  turnTo("ask");
  byId("email").focus();
});

greet();
