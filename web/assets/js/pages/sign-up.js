// Signing up: makes an account, and leads on to signing in.

import { post } from "../api.js";
import * as navigation from "../navigation.js";
import { byId } from "../ui/dom.js";
import { problemOfNewPassword, take } from "../ui/form.js";
import { greet } from "../ui/header.js";

const form = byId("form");
byId("other").search = location.search;

take(form, signUp, ({ password }) => {
  const problem = password === "" ? null : problemOfNewPassword(password);
  return problem ? { password: problem } : {};
});

async function signUp({ name, email, password }) {
  // The API opens a session at once. Here people sign in themselves, so that session is ended again and no cookie is kept.
  const cookies = false;
  const { body } = await post("/api/auth/sign-up/email", { name, email, password, rememberMe: false }, { cookies });
  // Should this fail, no client has the session's token any more, and it ends within a day.
  await post("/api/auth/sign-out", {}, { bearer: body.token, cookies }).catch(() => {});
  form.reset();
  navigation.goToSignIn("signed-up", new URLSearchParams(location.search).get("next"));
}

if (await greet()) location.replace(navigation.wanted());
