// Signing in: opens a session, and leads on to the page one came for.

import * as places from "../places.js";
import * as session from "../session.js";
import { byId } from "../ui/dom.js";
import { take } from "../ui/form.js";
import { greet } from "../ui/header.js";
import { noticed } from "../words.js";

const notice = places.takeNotice();
if (notice) byId("notice").textContent = noticed(notice);
byId("other").search = location.search;

take(byId("form"), async ({ email, password, rememberMe }) => {
  await session.signIn(email, password, rememberMe);
  location.replace(places.wanted());
});

if (await greet()) location.replace(places.wanted());
