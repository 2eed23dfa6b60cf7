// What every relying party here has in common: a server that says where it listens, and where its users end.
// In: the issuer, the client's id and secret, and further choices as JSON. Out: a line of JSON with the addresses to register.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

export const [issuer, clientId, clientSecret, choices = "{}"] = process.argv.slice(2);
export const chosen = JSON.parse(choices);

const folder = process.env.SIGNET_TEST_CLIENTS;
export const require = createRequire(`${folder}/package.json`);
/** Of the releases of years past. */
export const requireOlder = createRequire(`${folder}/older/package.json`);
/** A module that is there for `import` alone. */
export const load = (file) => import(pathToFileURL(`${folder}/node_modules/${file}`).href);

/** The address of this party: another host than Signet's `localhost`, so that cookies are those of two sites. */
export async function listen(handler, addresses) {
  const server = createServer(async (request, response) => {
    try {
      await handler(request, response);
    } catch (error) {
      say(response, 500, { error: `${error.stack}`, code: error.error, cause: `${error.cause?.stack ?? error.cause}` });
    }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const base = `http://127.0.0.1:${server.address().port}`;
  await addresses(base);
  return base;
}

/** Tells the test where this party is, once it can be asked. */
export function announce(base, { login, callback, signedOut }) {
  const registered = { redirect_uris: [base + callback], post_logout_redirect_uris: signedOut ? [base + signedOut] : [] };
  console.log(JSON.stringify({ base, login: base + login, ...registered }));
}

export function say(response, status, body) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

export function redirect(response, to) {
  response.writeHead(302, { location: `${to}` });
  response.end();
}

export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The request as the standard of fetch has it. */
export async function asFetch(base, request) {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, `${value}`);
  const body = ["GET", "HEAD"].includes(request.method) ? undefined : await bodyOf(request);
  return new Request(new URL(request.url, base), { method: request.method, headers, body });
}

/** Hands an answer of fetch on. */
export async function hand(response, answer) {
  const headers = {};
  answer.headers.forEach((value, name) => { if (name !== "set-cookie") headers[name] = value; });
  response.writeHead(answer.status, { ...headers, "set-cookie": answer.headers.getSetCookie() });
  response.end(Buffer.from(await answer.arrayBuffer()));
}
