// `jsonwebtoken` verifies tokens with the key set as it is published, by way of Node's own reader of JWKs.
// It knows ES256 and RS256, and no EdDSA: such a token it refuses, whatever key it is given.
// usage: node jsonwebtoken.mjs JWKS_URL ISSUER TOKEN...
import { createPublicKey } from "node:crypto";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const jwt = require("jsonwebtoken");

const [url, issuer, ...tokens] = process.argv.slice(2);
const { keys } = await (await fetch(url)).json();
for (const token of tokens) {
  const { header } = jwt.decode(token, { complete: true });
  const key = createPublicKey({ key: keys.find(({ kid }) => kid === header.kid), format: "jwk" });
  const named = { algorithms: ["ES256", "RS256"], issuer, audience: issuer };
  const claims = jwt.verify(token, key, named);
  console.log(header.alg, claims.sub);
  try {
    jwt.verify(`${token.slice(0, -4)}AAAA`, key, named);
  } catch (refusal) {
    if (refusal.message === "invalid signature") continue;
    throw refusal;
  }
  throw new Error("a tampered token was accepted");
}
