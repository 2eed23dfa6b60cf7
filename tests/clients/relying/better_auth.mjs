// Better Auth as a client, by its plugin for generic OAuth, with the algorithms that the metadata names.
import { announce, asFetch, chosen, clientId, clientSecret, hand, issuer, listen, load, say } from "./party.mjs";

const { betterAuth } = await load("better-auth/dist/index.mjs");
const { genericOAuth } = await load("better-auth/dist/plugins/index.mjs");
let base, auth;

function made() {
  auth ??= betterAuth({
    baseURL: base, secret: "of the relying party alone, thirty-two bytes and more", telemetry: { enabled: false },
    rateLimit: { enabled: false },
    plugins: [genericOAuth({ config: [{
      providerId: "signet", clientId, clientSecret, discoveryUrl: `${issuer}/.well-known/openid-configuration`,
      scopes: ["openid", "profile", "email", "offline_access"], prompt: "consent", pkce: true, requireIssuerValidation: true, ...chosen.config,
    }] })],
  });
  return auth;
}

async function login(response) {
  const body = JSON.stringify({ provider: "signet", callbackURL: "/me" });
  const headers = { "content-type": "application/json", origin: base };
  const answer = await made().handler(new Request(`${base}/api/auth/sign-in/social`, { method: "POST", headers, body }));
  const { url } = await answer.json();
  response.writeHead(302, { location: url, "set-cookie": answer.headers.getSetCookie() });
  response.end();
}

async function me(request, response) {
  const headers = new Headers({ cookie: request.headers.cookie ?? "" });
  const session = await made().api.getSession({ headers });
  if (!session) return say(response, 401, { query: new URL(request.url, base).search });
  const accounts = await made().api.listUserAccounts({ headers });
  const { accountId: sub, scopes } = accounts.find(({ providerId }) => providerId === "signet");
  const { name, email, emailVerified } = session.user;
  return say(response, 200, { claims: { sub, name, email, email_verified: emailVerified }, scope: scopes.join(" ") });
}

async function refresh(request, response) {
  const headers = new Headers({ cookie: request.headers.cookie ?? "" });
  const accounts = await made().api.listUserAccounts({ headers });
  const { id: accountId } = accounts.find(({ providerId }) => providerId === "signet");
  const before = await made().api.getAccessToken({ headers, body: { accountId } });
  const after = await made().api.refreshToken({ headers, body: { accountId } });
  return say(response, 200, { rotated: after.accessToken !== before.accessToken && Boolean(after.refreshToken) });
}

await listen(async (request, response) => {
  const { pathname } = new URL(request.url, base);
  if (pathname === "/login") return login(response);
  if (pathname === "/me") return me(request, response);
  if (pathname === "/refresh") return refresh(request, response);
  if (pathname.startsWith("/api/auth/")) return hand(response, await made().handler(await asFetch(base, request)));
  return say(response, 404, { pathname });
}, (at) => { base = at; announce(base, { login: "/login", callback: "/api/auth/callback/signet" }); });
