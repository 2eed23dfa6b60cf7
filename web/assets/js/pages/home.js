// The first page: says what this is, and shows the newest key.

import { call } from "../api.js";
import { byId } from "../ui/dom.js";
import { greet } from "../ui/header.js";
import { seal } from "../ui/seal.js";

greet();

const set = await call("/.well-known/jwks.json").catch(() => null);
const [newest] = set?.body.keys ?? [];
if (newest) {
  byId("key-seal").append(seal(newest.kid, `The signing key ${newest.kid}`));
  byId("key-name").textContent = newest.kid;
  byId("key").hidden = false;
}
