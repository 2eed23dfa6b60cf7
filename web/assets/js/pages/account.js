// Your account: who you are, how you sign in, where you are signed in, and what your token says.

import * as address from "../account/address.js";
import * as consents from "../account/consents.js";
import * as deleteAccount from "../account/delete-account.js";
import * as password from "../account/password.js";
import * as profile from "../account/profile.js";
import * as sessions from "../account/sessions.js";
import * as token from "../account/token.js";
import * as drafts from "../drafts.js";
import * as session from "../session.js";
import { show } from "../ui/dom.js";
import { start } from "../ui/header.js";
import { explained } from "../messages.js";

start();
try {
  const { claims } = await session.token();
  address.start(claims);
  profile.start(claims, drafts.take(claims.sub).get("profile"));
  password.start();
  sessions.start();
  consents.start();
  deleteAccount.start();
  await token.start();
} catch (error) {
  show(explained(error), { action: { name: "Try again", run: () => location.reload() }, lasts: 3_600_000 });
}
