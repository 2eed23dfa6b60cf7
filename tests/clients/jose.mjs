// `jose` verifies tokens with nothing but the URL of the key set.
// usage: node jose.mjs JWKS_URL ISSUER TOKEN...
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")).href);

const [url, issuer, ...tokens] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));
for (const token of tokens) {
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer, audience: issuer });
  console.log(protectedHeader.alg, protectedHeader.kid, payload.sub);
  try {
    await jwtVerify(`${token.slice(0, -4)}AAAA`, keys, { issuer, audience: issuer });
  } catch (refusal) {
    if (refusal.code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") continue;
    throw refusal;
  }
  throw new Error("a tampered token was accepted");
}
