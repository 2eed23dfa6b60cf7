// The unmodified client of some version of Better Auth signs people in at Signet and gets them a JWT.
// usage: node sign-in.mjs VERSION BASE_URL ORIGIN PEOPLE     (PEOPLE as make.mjs prints them)
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [version, baseURL, origin, people] = process.argv.slice(2);
const current = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const older = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/older/package.json`);
const load = (path) =>
  import(pathToFileURL(version === "1.7" ? current.resolve(path) : older.resolve(path.replace("better-auth", `better-auth-${version}`))).href);
const { createAuthClient } = await load("better-auth/client");

const ok = ({ data, error }) => {
  assert.equal(error, null, JSON.stringify(error));
  return data;
};
/** A fetch that keeps cookies and says where it comes from, as a browser does. */
function browser() {
  const jar = new Map();
  return async (input, init = {}) => {
    const headers = new Headers(init.headers);
    headers.set("origin", origin);
    if (jar.size) headers.set("cookie", [...jar].map(([name, value]) => `${name}=${value}`).join("; "));
    const response = await fetch(input, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [name, value] = line.split(";")[0].split(/=(.*)/s);
      jar.set(name, value);
    }
    return response;
  };
}

for (const { id, email, password, name, createdAt } of JSON.parse(people)) {
  const client = createAuthClient({ baseURL, fetchOptions: { customFetchImpl: browser() } });
  const refused = await client.signIn.email({ email, password: "not the password" });
  assert.equal(refused.data, null);
  assert.equal(refused.error.status, 401);
  const { user } = ok(await client.signIn.email({ email, password }));
  assert.equal(user.id, id);
  const session = ok(await client.getSession());
  assert.deepEqual([session.user.id, session.user.name], [id, name]);
  assert.equal(new Date(session.user.createdAt).toISOString(), createdAt);
  const jwt = ok(await client.$fetch("/token")).token;
  assert.equal(JSON.parse(Buffer.from(jwt.split(".")[1], "base64url")).sub, id);
}
console.log("everybody signed in");
