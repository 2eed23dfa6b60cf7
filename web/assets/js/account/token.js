// The token of this page, in a form that people can read.
// In: the token; the published key set. Out: its claims, its life counting down, its key and whether the signature is right.
// Owns: the signature is checked here, in the browser, with what everybody else has: the key set.

import { call } from "../api.js";
import { remaining, renew, token } from "../session.js";
import { isSignedWith } from "../token.js";
import { byId, element, show } from "../ui/dom.js";
import { seal } from "../ui/seal.js";
import { explained, moment } from "../messages.js";

const MEANINGS = {
  sub: "who you are",
  id: "the same, for old clients",
  name: "what to call you",
  email: "your address",
  emailVerified: "whether the address is proved",
  image: "your picture",
  createdAt: "when you signed up",
  updatedAt: "when you last changed something",
  iss: "who signed it",
  aud: "whom it is for",
  iat: "signed at",
  exp: "good until",
  sid: "your session",
  jti: "its own name",
};

let shown = null;

export async function start() {
  byId("renew").addEventListener("click", async ({ currentTarget }) => {
    const button = currentTarget;
    button.ariaDisabled = "true";
    await renew().then(() => dispatchEvent(new Event("renewed")), (error) => show(explained(error)));
    button.ariaDisabled = null;
  });
  byId("copy").addEventListener("click", async () => {
    const copied = navigator.clipboard?.writeText((await token()).text) ?? Promise.reject();
    await copied.then(
      () => show("The token is in your clipboard. Whoever has it is you, until it ends."),
      () => show("This browser doesn’t let the page copy."),
    );
  });
  addEventListener("renewed", refresh);
  await refresh();
  setInterval(tick, 1000);
}

async function refresh() {
  shown = await token();
  const { header, claims } = shown;
  byId("token-algorithm").textContent = header.alg;
  byId("token-kid").textContent = header.kid ?? "the shared secret";
  byId("claims").replaceChildren(...Object.entries(claims).map(([name, value]) => claim(name, value)));
  byId("token-seal").replaceChildren(...(header.kid ? [seal(header.kid, `The key ${header.kid}`)] : []));
  tick();
  await prove(shown);
}

function claim(name, value) {
  const isTime = name === "iat" || name === "exp";
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, element("code", {}, name)),
    element("td", { class: "hint" }, MEANINGS[name] ?? ""),
    element("td", { class: "mono" }, isTime ? `${value} (${moment(value * 1000)})` : String(value)),
  );
}

function tick() {
  const left = Math.max(0, Math.round(remaining(shown) / 1000));
  const two = (number) => String(number).padStart(2, "0");
  byId("token-left").textContent = left > 0 ? `${Math.floor(left / 60)}:${two(left % 60)}` : "ended: the next request takes a new one";
  byId("token-bar").value = Math.max(0, remaining(shown) / shown.life);
}

async function prove(judged) {
  const proof = byId("token-proof");
  const say = (verdict, text) => {
    if (judged !== shown) return;
    proof.className = verdict;
    proof.textContent = text;
  };
  if (!judged.header.kid) return say("", "Only who has the secret can tell");
  const set = await call("/.well-known/jwks.json").catch(() => null);
  if (!set) return say("", "The key set could not be read");
  const key = set.body.keys.find(({ kid }) => kid === judged.header.kid);
  if (!key) return say("bad", "The key is not published");
  const isRight = await isSignedWith(judged, key);
  if (isRight === null) return say("", "The key is published; this browser can’t check more");
  return isRight ? say("good", "Checked in this browser with the published key") : say("bad", "Wrong");
}
