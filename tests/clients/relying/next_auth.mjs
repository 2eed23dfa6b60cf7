// NextAuth 4 as it comes: of algorithms it takes RS256 alone. It is the handler of its "pages" router, on what Express hands
// it in the place of Next.js.
import { announce, clientId, clientSecret, issuer, listen, require, requireOlder } from "./party.mjs";

const express = require("express");
const NextAuth = requireOlder("next-auth/next").default;
const app = express();
let kept;

const options = {
  secret: "of the relying party alone, thirty-two bytes and more",
  logger: { error: (...what) => console.error(...what), warn() {}, debug() {} },
  providers: [{
    id: "signet", name: "Signet", type: "oauth", wellKnown: `${issuer}/.well-known/openid-configuration`,
    authorization: { params: { scope: "openid email profile" } },
    idToken: true, checks: ["pkce", "state", "nonce"], clientId, clientSecret,
    profile: (profile) => ({ id: profile.sub, name: profile.name, email: profile.email }),
  }],
  callbacks: {
    jwt({ token, account, profile }) {
      if (account) kept = { account, profile };
      return token;
    },
  },
};

/** A request as Next.js hands it on: query and cookies are read. */
function next(request, response, path, more = {}) {
  const cookies = Object.fromEntries((request.headers.cookie ?? "").split("; ").filter(Boolean).map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
  }));
  const asNext = { method: request.method, headers: request.headers, body: request.body, cookies, query: { ...request.query, nextauth: path.split("/") }, ...more };
  return NextAuth(asNext, response, options);
}

/** What the page of NextAuth does on a click: it asks for a token against forged requests, and sends it with its form. */
async function login(base, response) {
  const first = await fetch(`${base}/api/auth/csrf`);
  const { csrfToken } = await first.json();
  const cookie = first.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  const body = new URLSearchParams({ csrfToken, callbackUrl: `${base}/me` });
  const sent = await fetch(`${base}/api/auth/signin/signet`, { method: "POST", headers: { cookie }, body, redirect: "manual" });
  response.setHeader("set-cookie", [...first.headers.getSetCookie(), ...sent.headers.getSetCookie()]);
  response.redirect(sent.headers.get("location"));
}

await listen(app, (base) => {
  process.env.NEXTAUTH_URL = base;
  app.use(express.urlencoded());
  app.get("/login", (request, response) => login(base, response));
  app.get("/me", async (request, response) => {
    const session = await (await fetch(`${base}/api/auth/session`, { headers: { cookie: request.headers.cookie ?? "" } })).json();
    response.status(session.user ? 200 : 401).json({ session, claims: kept?.profile, scope: kept?.account.scope });
  });
  app.use("/api/auth", (request, response) => next(request, response, request.path.slice(1)));
  announce(base, { login: "/login", callback: "/api/auth/callback/signet" });
});
