// A relying party that is told of sign-outs: it verifies logout tokens with `jose`, and prints what it has learned.
// usage: node logout_party.mjs JWKS_URL ISSUER NOW; prints its port, then a line for each request
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")).href);

const [url, issuer, now] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));

const server = createServer(async (request, response) => {
  const audience = request.url.slice(1);
  let body = "";
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  try {
    const { payload, protectedHeader } = await jwtVerify(form.get("logout_token"), keys, {
      issuer, audience, typ: "logout+jwt", currentDate: new Date(Number(now) * 1000),
      requiredClaims: ["iat", "exp", "jti", "sub", "sid", "events"],
    });
    console.log(JSON.stringify({ method: request.method, type: request.headers["content-type"], header: protectedHeader, payload }));
    response.writeHead(204).end();
  } catch (error) {
    console.log(JSON.stringify({ refused: String(error) }));
    response.writeHead(400).end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
