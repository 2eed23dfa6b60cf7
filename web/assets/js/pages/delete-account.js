// Deleting the account with the link of a mail, by the user who is signed in. Opening the page changes nothing.

import { ApiError, post } from "../api.js";
import * as navigation from "../navigation.js";
import * as session from "../session.js";
import { byId, show } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { start } from "../ui/header.js";
import { explained } from "../messages.js";
import { turnTo } from "../ui/steps.js";

const token = navigation.takeToken();
if (token === null) turnTo("broken");

take(byId("form"), async () => {
  try {
    await post("/api/auth/delete-user", { token });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) signInFirst();
    else if (error.code === "INVALID_TOKEN") turnTo("broken");
    else throw error;
    return;
  }
  session.forget("deleted");
});

/** Who is not signed in comes back with the token, which stays in memory meanwhile. */
function signInFirst() {
  navigation.goToSignIn(null, location.pathname, token);
}

start();
if (token !== null) {
  try {
    const found = await session.current();
    if (found) byId("email").textContent = found.user.email;
    else signInFirst();
  } catch (error) {
    show(explained(error));
  }
}
