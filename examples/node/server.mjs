// A Node backend whose one route only people with a token of Signet reach.
//
//     SIGNET_URL=http://localhost:8080 PORT=9000 node server.mjs
//
// With BETTER_AUTH_SECRET it verifies HS256 under that secret, for a Signet with SIGNET_TOKEN_MODE=hs256.

import { createServer } from "node:http";
import { createRemoteJWKSet, errors, jwtVerify } from "jose";

const signet = process.env.SIGNET_URL;
const secret = process.env.BETTER_AUTH_SECRET;
// Keeps the keys for ten minutes and fetches them anew for a kid that it does not know.
const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", signet), { timeoutDuration: 5000 });
const rules = { issuer: signet, clockTolerance: 30, requiredClaims: ["exp", "sub"] };

/** The claims of a valid token. */
async function verify(token) {
  const { payload } = secret
    ? await jwtVerify(token, new TextEncoder().encode(secret), { ...rules, algorithms: ["HS256"] })
    : await jwtVerify(token, keys, { ...rules, algorithms: ["EdDSA"], audience: signet });
  return payload;
}

const server = createServer(async (request, response) => {
  const [scheme, token] = (request.headers.authorization ?? "").split(" ");
  try {
    if (scheme.toLowerCase() !== "bearer" || !token) throw new errors.JWTInvalid("no bearer token");
    const caller = await verify(token);
    if (request.url !== "/diary") return response.writeHead(404).end();
    response.writeHead(200, { "content-type": "text/plain" }).end(`The diary of ${caller.sub}`);
  } catch (error) {
    // jose names what is wrong with a token; everything else is about fetching the keys.
    const unreachable = !(error instanceof errors.JOSEError) || error instanceof errors.JWKSTimeout;
    if (unreachable) response.writeHead(503, { "retry-after": "5" }).end("The keys are not available");
    else response.writeHead(401, { "www-authenticate": "Bearer" }).end("The token is not valid");
  }
});

server.listen(Number(process.env.PORT), "127.0.0.1");
