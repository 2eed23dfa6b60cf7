// The certified provider of npm, as its documentation sets it up, with everything in memory, or in a Redis that writes down
// what it is told once a second.
// usage: NODE_ENV=production node oidc-provider.mjs PORT SECRET [REDIS_FOLDER]
// Beside it, at PORT + 1, what a sign-in would give: /codes?client=ID&count=N and /refresh-tokens?client=ID&count=N.
import { spawn } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Redis from "ioredis";
import Provider from "oidc-provider";

const [port, secret, folder] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const redirect = "http://127.0.0.1:9/cb";
const scope = "openid profile email offline_access";
const jwk = (kind, options, alg) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: "jwk" }), alg, use: "sig" });
const client = (client_id, alg) => ({
  client_id,
  client_secret: secret,
  redirect_uris: [redirect],
  grant_types: ["authorization_code", "refresh_token"],
  token_endpoint_auth_method: "client_secret_post",
  id_token_signed_response_alg: alg,
  scope,
});
const account = { sub: "ada", name: "Ada", email: "ada@example.com", email_verified: true };

/** As the adapter that it brings, which forgets everything beyond a thousand rows: in memory, without a bound. */
const rows = new Map();
const grants = new Map();
class Memory {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload) {
    const key = this.key(id);
    const { grantId } = payload;
    if (grantId && this.name !== "Grant") {
      const known = grants.get(grantId);
      if (known) known.add(key);
      else grants.set(grantId, new Set([key]));
    }
    rows.set(key, payload);
  }
  async find(id) { return rows.get(this.key(id)); }
  async findByUid() { return undefined; }
  async findByUserCode() { return undefined; }
  async consume(id) { rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { rows.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) rows.delete(key);
    grants.delete(grantId);
  }
}

/** As the example of an adapter for Redis in its repository has it, for what is asked here. */
let redis;
class OnRedis {
  constructor(name) { this.name = name; }
  key(id) { return `${this.name}:${id}`; }
  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    const batch = redis.multi().hset(key, { payload: JSON.stringify(payload) });
    if (expiresIn) batch.expire(key, expiresIn);
    if (payload.grantId && this.name !== "Grant") {
      batch.rpush(`grant:${payload.grantId}`, key);
      if (expiresIn) batch.expire(`grant:${payload.grantId}`, 86400);
    }
    await batch.exec();
  }
  async find(id) {
    const { payload, ...more } = await redis.hgetall(this.key(id));
    return payload && { ...more, ...JSON.parse(payload) };
  }
  async findByUid() { return undefined; }
  async findByUserCode() { return undefined; }
  async consume(id) { await redis.hset(this.key(id), "consumed", Math.floor(Date.now() / 1000)); }
  async destroy(id) { await redis.del(this.key(id)); }
  async revokeByGrantId(grantId) {
    const keys = await redis.lrange(`grant:${grantId}`, 0, -1);
    await redis.del(...keys, `grant:${grantId}`);
  }
}
if (folder) {
  const options = ["--port", "0", "--unixsocket", `${folder}/redis`, "--dir", folder, "--save", "", "--appendonly", "yes"];
  spawn("redis-server", options, { stdio: "ignore" });
  redis = new Redis(`${folder}/redis`, { retryStrategy: () => 50 });
  redis.on("error", () => {});
  await redis.ping();
}

const provider = new Provider(issuer, {
  adapter: folder ? OnRedis : Memory,
  clients: [
    client("web-rs256", "RS256"),
    client("web-eddsa", "EdDSA"),
    {
      client_id: "machine",
      client_secret: secret,
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  jwks: { keys: [jwk("rsa", { modulusLength: 2048 }, "RS256"), jwk("ed25519", {}, "EdDSA")] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "EdDSA"] },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ ...account, sub }) }),
  claims: { profile: ["name"], email: ["email", "email_verified"] },
  // As a relying party wants them: in the ID token too.
  conformIdTokenClaims: false,
  rotateRefreshToken: true,
  ttl: { AuthorizationCode: 60, AccessToken: 900, ClientCredentials: 900, IdToken: 900, RefreshToken: 86400 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: "tasks:read",
        accessTokenFormat: "jwt",
        accessTokenTTL: 900,
        jwt: { sign: { alg: "EdDSA" } },
      }),
      useGrantedResource: () => false,
    },
  },
});

async function granted(client) {
  const grant = new provider.Grant({ clientId: client.clientId, accountId: "ada" });
  grant.addOIDCScope(scope);
  return grant.save();
}

async function code(clientId, verifier) {
  const found = await provider.Client.find(clientId);
  const now = Math.floor(Date.now() / 1000);
  const kept = new provider.AuthorizationCode({
    accountId: "ada", client: found, grantId: await granted(found), redirectUri: redirect, scope, authTime: now, nonce: "n",
    codeChallenge: createHash("sha256").update(verifier).digest("base64url"), codeChallengeMethod: "S256", gty: "authorization_code",
  });
  return kept.save();
}

async function refreshToken(clientId) {
  const found = await provider.Client.find(clientId);
  const now = Math.floor(Date.now() / 1000);
  const kept = new provider.RefreshToken({
    accountId: "ada", client: found, grantId: await granted(found), scope, authTime: now, gty: "authorization_code", nonce: "n",
    rotations: 0, expiresWithSession: false,
  });
  return kept.save();
}

async function accessToken(clientId) {
  const found = await provider.Client.find(clientId);
  const kept = new provider.AccessToken({
    accountId: "ada", client: found, grantId: await granted(found), scope, gty: "authorization_code",
  });
  return kept.save();
}

const makers = { "/codes": code, "/refresh-tokens": refreshToken, "/access-tokens": accessToken };
createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  const make = makers[url.pathname];
  const made = [];
  for (let left = Number(url.searchParams.get("count")); left > 0; left--) {
    made.push(await make(url.searchParams.get("client"), url.searchParams.get("verifier")));
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(made));
}).listen(Number(port) + 1, "127.0.0.1");
createServer(provider.callback()).listen(Number(port), "127.0.0.1");
