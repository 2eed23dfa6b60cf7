// Signing in: opens a session, and leads on to the page one came for.

import { ApiError } from "../api.js";
import * as navigation from "../navigation.js";
import * as session from "../session.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { noticed } from "../messages.js";
import { sendWith } from "../verification.js";

// What a link of a mail carried to a page for users who are signed in.
const token = navigation.takeToken();
const notice = navigation.takeNotice();
if (notice) byId("notice").textContent = noticed(notice);
byId("other").search = location.search;

const form = byId("form");
// A server without mail has no such part.
const unconfirmed = byId("unconfirmed");

take(form, async ({ email, password, rememberMe }) => {
  if (unconfirmed) unconfirmed.hidden = true;
  try {
    await session.signIn(email, password, rememberMe);
  } catch (error) {
    if (unconfirmed && error instanceof ApiError) unconfirmed.hidden = error.code !== "EMAIL_NOT_VERIFIED";
    throw error;
  }
  location.replace(navigation.wanted(token));
});
if (unconfirmed) sendWith(byId("send-again"), () => form.elements.email.value.trim());

if (await greet()) location.replace(navigation.wanted(token));
