// openid-client 6, a certified relying party: whole sign-ins with each way of client authentication, PAR and form_post, a
// refresh, introspection, revocation, and logout. It checks signatures, as it does when it is told to.
import { announce, asFetch, chosen, clientId, clientSecret, issuer, listen, load, redirect, say } from "./party.mjs";

const client = await load("openid-client/build/index.js");
const { algorithm = "RS256", method = "client_secret_basic", pushed = false, responseMode, scope = "openid profile email offline_access" } = chosen;

let base, config, pending, tokens;

async function authentication() {
  switch (method) {
    case "none": return client.None();
    case "client_secret_post": return client.ClientSecretPost(clientSecret);
    case "private_key_jwt": {
      const { d, ...jwk } = JSON.parse(clientSecret);
      const curve = { name: "ECDSA", namedCurve: "P-256" };
      const key = await crypto.subtle.importKey("jwk", { ...jwk, d, key_ops: ["sign"] }, curve, false, ["sign"]);
      return client.PrivateKeyJwt({ key, kid: jwk.kid });
    }
    default: return client.ClientSecretBasic(clientSecret);
  }
}

async function configured() {
  if (config) return config;
  const metadata = { id_token_signed_response_alg: algorithm };
  config = await client.discovery(new URL(issuer), clientId, metadata, await authentication(), { execute: [client.allowInsecureRequests] });
  client.enableNonRepudiationChecks(config);
  return config;
}

async function login(response, more = {}) {
  const verifier = client.randomPKCECodeVerifier();
  pending = { verifier, state: client.randomState(), nonce: client.randomNonce() };
  const parameters = {
    redirect_uri: `${base}/callback`, scope, prompt: scope.includes("offline_access") ? "consent" : "login",
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256",
    state: pending.state, nonce: pending.nonce, ...(responseMode && { response_mode: responseMode }), ...more,
  };
  const build = pushed ? client.buildAuthorizationUrlWithPAR : client.buildAuthorizationUrl;
  redirect(response, await build(await configured(), parameters));
}

async function callback(request, response) {
  const checks = { pkceCodeVerifier: pending.verifier, expectedState: pending.state, expectedNonce: pending.nonce, idTokenExpected: true };
  tokens = await client.authorizationCodeGrant(await configured(), await asFetch(base, request), checks);
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  say(response, 200, { claims, userinfo, scope: tokens.scope, id_token: tokens.id_token, access_token: tokens.access_token, refresh_token: tokens.refresh_token });
}

async function refresh(response) {
  const before = tokens;
  tokens = await client.refreshTokenGrant(config, before.refresh_token);
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, before.claims().sub);
  const rotated = tokens.refresh_token !== before.refresh_token;
  say(response, 200, { claims: tokens.claims(), userinfo, rotated, access_token: tokens.access_token });
}

async function revoke(response) {
  const active = async (token) => (await client.tokenIntrospection(config, token)).active;
  const before = [await active(tokens.access_token), await active(tokens.refresh_token)];
  await client.tokenRevocation(config, tokens.refresh_token);
  const after = [await active(tokens.access_token), await active(tokens.refresh_token)];
  const refused = await client.refreshTokenGrant(config, tokens.refresh_token).catch((error) => error.error);
  say(response, 200, { before, after, refused });
}

function logout(response) {
  const parameters = { post_logout_redirect_uri: `${base}/signed-out`, id_token_hint: tokens.id_token, state: "of-logout" };
  redirect(response, client.buildEndSessionUrl(config, parameters));
}

await listen((request, response) => {
  const { pathname, searchParams } = new URL(request.url, base);
  switch (pathname) {
    case "/login": return login(response, Object.fromEntries(searchParams));
    case "/callback": return callback(request, response);
    case "/refresh": return refresh(response);
    case "/revoke": return revoke(response);
    case "/logout": return logout(response);
    case "/signed-out": return say(response, 200, { signed_out: true, state: searchParams.get("state") });
    default: return say(response, 404, { pathname });
  }
}, (at) => { base = at; announce(base, { login: "/login", callback: "/callback", signedOut: "/signed-out" }); });
