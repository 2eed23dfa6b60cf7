// `jose` as a backend runs it: one process, one key set that it renews by itself.
// usage: node jose_lines.mjs JWKS_URL ISSUER CACHE_MILLISECONDS COOLDOWN_MILLISECONDS
// A token per line in; per line out: `ok`, `no WHY` of the token, or `keys WHY` when the key set could not be had.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")).href);

const [url, issuer, cacheMaxAge, cooldownDuration] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url), {
  cacheMaxAge: Number(cacheMaxAge),
  cooldownDuration: Number(cooldownDuration),
});

async function verdict(token) {
  try {
    await jwtVerify(token, keys, { issuer, audience: issuer, algorithms: ["EdDSA"] });
    return "ok";
  } catch (error) {
    const ofTheToken = /^ERR_(JW[ST]_|JWKS_NO_MATCHING_KEY|JOSE_ALG)/.test(error.code ?? "");
    const why = `${error.code ?? error.name}: ${error.message}`.replaceAll("\n", " ");
    return `${ofTheToken ? "no" : "keys"} ${why}`;
  }
}

for await (const token of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await verdict(token)}\n`);
}
