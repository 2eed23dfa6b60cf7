// Signing in: opens a session, and leads on to the page one came for.

import * as navigation from "../navigation.js";
import * as session from "../session.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { noticed } from "../messages.js";

const notice = navigation.takeNotice();
if (notice) byId("notice").textContent = noticed(notice);
byId("other").search = location.search;

take(byId("form"), async ({ email, password, rememberMe }) => {
  await session.signIn(email, password, rememberMe);
  location.replace(navigation.wanted());
});

if (await greet()) location.replace(navigation.wanted());
