// The unmodified better-auth client against a running Signet: once with cookies, as in a browser, once with a bearer.
// usage: node better-auth.mjs BASE_URL ORIGIN
import assert from "node:assert/strict";
import { browser, createAuthClient, ok, refused, withBearer, withCookies } from "./better-auth-client.mjs";

const [baseURL, origin] = process.argv.slice(2);
const password = "correct horse battery";

async function journey(name, client) {
  const email = `${name}@example.com`;
  const before = Date.now();
  const up = ok(await client.signUp.email({ name: "Ada", email, password }));
  assert.equal(up.user.email, email);
  refused(await client.signUp.email({ name: "Ada", email, password }), 422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
  refused(await client.signIn.email({ email, password: "wrong password" }), 401, "INVALID_EMAIL_OR_PASSWORD");
  const signedIn = ok(await client.signIn.email({ email, password }));
  assert.equal(signedIn.user.id, up.user.id);

  const session = ok(await client.getSession());
  assert.equal(session.user.name, "Ada");
  assert.equal(session.user.image, null);
  assert.ok(session.session.expiresAt instanceof Date && session.user.createdAt instanceof Date, "times are dates");
  assert.ok(Math.abs(session.user.createdAt.getTime() - before) < 60_000, "and the right ones");
  assert.ok(Math.abs(session.session.expiresAt.getTime() - before - 7 * 86_400_000) < 60_000);

  const { token } = ok(await client.token());
  assert.equal(token.split(".").length, 3);
  const claims = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
  assert.equal(claims.sub, up.user.id);
  const { keys } = ok(await client.jwks());
  assert.deepEqual(Object.keys(keys[0]).filter((member) => "dpqk".includes(member)), []);
  assert.equal(keys[0].kty, "OKP");

  ok(await client.updateUser({ name: "Ada L.", image: "https://img.example/a.png" }));
  assert.equal(ok(await client.getSession()).user.name, "Ada L.");

  const accounts = ok(await client.listAccounts());
  assert.deepEqual(accounts.map((account) => account.providerId), ["credential"]);

  const sessions = ok(await client.listSessions());
  assert.equal(sessions.length, 2, "signing up and signing in opened one each");
  const other = sessions.find((entry) => entry.id !== session.session.id);
  assert.equal(sessions.find((entry) => entry.id === session.session.id).token, session.session.token);
  ok(await client.revokeSession({ token: other.token }));
  assert.equal(ok(await client.listSessions()).length, 1);
  ok(await client.revokeOtherSessions());

  refused(
    await client.changePassword({ currentPassword: "wrong password", newPassword: "another password" }),
    400,
    "INVALID_PASSWORD",
  );
  const changed = ok(
    await client.changePassword({ currentPassword: password, newPassword: "another password", revokeOtherSessions: true }),
  );
  assert.equal(typeof changed.token, "string");
  assert.equal(ok(await client.getSession()).session.token, changed.token, "the client goes on in the new session");
  refused(await client.signIn.email({ email, password }), 401, "INVALID_EMAIL_OR_PASSWORD");

  assert.equal(ok(await client.signOut()).success, true);
}

const cookies = withCookies(baseURL, browser(origin));
await journey("cookies", cookies);
assert.equal(ok(await cookies.getSession()), null, "signed out is null and no error");
refused(await cookies.token(), 401, "UNAUTHORIZED");

await journey("bearer", withBearer(baseURL));

// Node's own fetch: Sec-Fetch-Mode, but neither Origin nor Cookie.
const plain = createAuthClient({ baseURL });
ok(await plain.signIn.email({ email: "cookies@example.com", password: "another password" }));
console.log("better-auth: all calls as expected");
