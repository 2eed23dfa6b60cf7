// Signing up: makes an account, and leads on to signing in, or to one's mail where addresses are confirmed first.

import { post } from "../api.js";
import * as navigation from "../navigation.js";
import { byId } from "../ui/dom.js";
import { problemOfNewPassword, take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { turnTo } from "../ui/steps.js";
import { sendWith } from "../verification.js";

const form = byId("form");
byId("other").search = location.search;
byId("on").search = location.search;
sendWith(byId("send-again"), () => byId("sent-to").textContent);

take(form, signUp, ({ password }) => {
  const problem = password === "" ? null : problemOfNewPassword(password);
  return problem ? { password: problem } : {};
});

async function signUp({ name, email, password }) {
  // The API opens a session at once. Here people sign in themselves, so that session is ended again and no cookie is kept.
  const cookies = false;
  const { body } = await post("/api/auth/sign-up/email", { name, email, password, rememberMe: false, ...navigation.callback() }, { cookies });
  if (body.token === null) {
    // No session before the address is confirmed; the answer is the same for an address that has an account.
    form.reset();
    byId("sent-to").textContent = body.user.email;
    turnTo("sent");
    return;
  }
  // Should this fail, no client has the session's token any more, and it ends within a day.
  await post("/api/auth/sign-out", {}, { bearer: body.token, cookies }).catch(() => {});
  form.reset();
  if (navigation.waiting() !== null) {
    location.assign(`/sign-in?request=${navigation.waiting()}`);
    return;
  }
  navigation.goToSignIn("signed-up", new URLSearchParams(location.search).get("next"));
}

if (await greet()) location.replace(navigation.wanted());
