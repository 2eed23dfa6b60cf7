// Confirming an address, the one of the account or a new one, with the link of a mail. Opening the page changes nothing.

import { ApiError, post } from "../api.js";
import * as navigation from "../navigation.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { turnTo } from "../ui/steps.js";
import { send } from "../verification.js";

const DEAD = ["INVALID_TOKEN", "TOKEN_EXPIRED", "USER_NOT_FOUND"];

const token = navigation.takeToken();
if (token === null) turnTo("broken");

take(byId("form"), async () => {
  try {
    const { body } = await post("/api/auth/verify-email", { token });
    // Only a change of address answers with the user.
    byId("done-text").textContent = body.user
      ? `Your address is ${body.user.email} from now on: you sign in with it.`
      : "Your address is confirmed.";
    turnTo("done");
  } catch (error) {
    if (!(error instanceof ApiError && DEAD.includes(error.code))) throw error;
    turnTo("broken");
  }
});

// A server without mail has no such form.
const again = byId("send");
if (again) {
  take(again, async ({ email }) => {
    await send(email);
    byId("sent-to").textContent = email;
    turnTo("sent");
  });
}

const found = await greet();
if (found && again) again.elements.email.value = found.user.email;
