// passport-openidconnect in Express, as its README shows it, with a nonce, since it knows no PKCE. It asks for UserInfo; the
// addresses come from the metadata.
import { announce, clientId, clientSecret, issuer, listen, require } from "./party.mjs";

const [express, session, passport, Strategy] = ["express", "express-session", "passport", "passport-openidconnect"].map((name) => require(name));
const app = express();
let prepared;

async function strategy(base) {
  if (prepared) return;
  const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  const addresses = { authorizationURL: metadata.authorization_endpoint, tokenURL: metadata.token_endpoint, userInfoURL: metadata.userinfo_endpoint };
  const options = { issuer, ...addresses, clientID: clientId, clientSecret, callbackURL: `${base}/callback`, scope: ["profile", "email"], nonce: true, skipUserProfile: false };
  passport.use(new Strategy(options, (_issuer, profile, context, idToken, accessToken, refreshToken, done) => done(null, { profile, context })));
  prepared = true;
}

await listen(app, (base) => {
  app.use(session({ secret: "of the relying party alone", resave: false, saveUninitialized: false, name: "party.sid" }));
  app.use(passport.initialize(), passport.session());
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user, done) => done(null, user));
  app.get("/login", async (request, response, next) => {
    await strategy(base);
    passport.authenticate("openidconnect")(request, response, next);
  });
  app.get("/callback", (request, response, next) => passport.authenticate("openidconnect", { successRedirect: "/me" })(request, response, next));
  app.get("/me", (request, response) => response.status(request.user ? 200 : 401).json(request.user
    && { claims: { sub: request.user.profile.id, name: request.user.profile.displayName, email: request.user.profile.emails?.[0]?.value } }));
  announce(base, { login: "/login", callback: "/callback" });
});
