// Auth.js (@auth/core), which reads the ID token alone; what its pages and buttons do, its own endpoints do here.
import { announce, asFetch, chosen, clientId, clientSecret, hand, issuer, listen, load, redirect, say } from "./party.mjs";

const { Auth } = await load("@auth/core/index.js");
let base, kept;

const options = () => ({
  basePath: "/auth",
  secret: "of the relying party alone, thirty-two bytes and more",
  trustHost: true,
  logger: { error: (error) => console.error(error), warn() {}, debug() {} },
  providers: [{
    id: "signet", name: "Signet", type: "oidc", issuer, clientId, clientSecret,
    checks: ["pkce", "state", "nonce"],
    ...(chosen.algorithm && { client: { id_token_signed_response_alg: chosen.algorithm } }),
  }],
  callbacks: {
    jwt({ token, account, profile }) {
      if (account) kept = { account, profile };
      return token;
    },
  },
});

/** The page of Auth.js has a form with a token against forged requests; this is that form, sent by a click. */
async function login(request, response) {
  const answer = await Auth(new Request(`${base}/auth/csrf`), options());
  const { csrfToken } = await answer.json();
  const cookie = answer.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const body = new URLSearchParams({ csrfToken, callbackUrl: `${base}/me` });
  const headers = { cookie, "content-type": "application/x-www-form-urlencoded", "x-auth-return-redirect": "" };
  const sent = await Auth(new Request(`${base}/auth/signin/signet`, { method: "POST", headers, body }), options());
  const cookies = [...answer.headers.getSetCookie(), ...sent.headers.getSetCookie()];
  const location = sent.headers.get("location") ?? (await sent.json()).url;
  response.writeHead(302, { location, "set-cookie": cookies });
  response.end();
}

async function me(request, response) {
  const cookie = request.headers.cookie ?? "";
  const session = await (await Auth(new Request(`${base}/auth/session`, { headers: { cookie } }), options())).json();
  say(response, session?.user ? 200 : 401, { session, claims: kept?.profile, scope: kept?.account.scope });
}

await listen(async (request, response) => {
  const { pathname } = new URL(request.url, base);
  if (pathname === "/login") return login(request, response);
  if (pathname === "/me") return me(request, response);
  if (pathname.startsWith("/auth/")) return hand(response, await Auth(await asFetch(base, request), options()));
  return say(response, 404, { pathname });
}, (at) => { base = at; announce(base, { login: "/login", callback: "/auth/callback/signet" }); });
