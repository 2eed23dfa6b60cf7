// Choosing a password with the link of a mail. Opening the page changes nothing: the token is spent by the button.

import { ApiError, post } from "../api.js";
import * as navigation from "../navigation.js";
import { byId } from "../ui/dom.js";
import { problemOfNewPassword, take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { turnTo } from "../ui/steps.js";

const token = navigation.takeToken();
if (token === null) turnTo("broken");

take(byId("form"), reset, ({ newPassword }) => {
  const problem = newPassword === "" ? null : problemOfNewPassword(newPassword);
  return problem ? { newPassword: problem } : {};
});

async function reset({ newPassword }) {
  try {
    await post("/api/auth/reset-password", { newPassword, token });
  } catch (error) {
    if (!(error instanceof ApiError && ["INVALID_TOKEN", "USER_NOT_FOUND"].includes(error.code))) throw error;
    turnTo("broken");
    return;
  }
  byId("form").reset();
  const waiting = navigation.recall();
  if (waiting === null) navigation.goToSignIn("reset", null);
  else location.assign(waiting);
}

greet();
