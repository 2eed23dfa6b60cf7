// A real Better Auth of some version makes its tables in an empty database, lets people sign up, and prints what they
// know: the ids, passwords, cookies, session tokens and JWTs that have to be good after the move.
// usage: node make.mjs VERSION DATABASE SECRET BASE_URL ZONE     (VERSION like 1.3; DATABASE a URL of PostgreSQL, or a file)
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [version, where, secret, baseURL, zone] = process.argv.slice(2);
// In which node-postgres writes times into columns without one.
process.env.TZ = zone;
const current = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const older = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/older/package.json`);
const load = (path) =>
  import(pathToFileURL(version === "1.7" ? current.resolve(path) : older.resolve(path.replace("better-auth", `better-auth-${version}`))).href);
const { betterAuth } = await load("better-auth");
const { bearer, jwt } = await load("better-auth/plugins");

/** What Better Auth expects of `better-sqlite3`, over a SQLite that needs no compiler. */
function sqlite(file) {
  const { Database } = older("node-sqlite3-wasm");
  const database = new Database(file);
  const plain = (value) => (typeof value === "boolean" ? Number(value) : value instanceof Date ? value.toISOString() : value);
  const prepare = (sql) => ({
    reader: /^\s*(select|pragma|with)|returning/i.test(sql),
    all: (values = []) => database.all(sql, values.map(plain)),
    run: (values = []) => {
      const { changes, lastInsertRowId } = database.run(sql, values.map(plain));
      return { changes, lastInsertRowid: lastInsertRowId };
    },
    iterate: (values = []) => database.all(sql, values.map(plain))[Symbol.iterator](),
  });
  return { aggregate: () => {}, prepare, close: () => database.close(), end: () => database.close() };
}

const isPostgres = /^postgres(ql)?:/.test(where);
const database = isPostgres ? new (older("pg").Pool)({ connectionString: where }) : sqlite(where);
const auth = betterAuth({
  database,
  secret,
  baseURL,
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
  logger: { disabled: true },
  rateLimit: { enabled: false },
  user: { additionalFields: { favouriteColour: { type: "string", required: false, input: true } } },
  plugins: [jwt(), bearer()],
});
const context = await auth.$context;
if (context.runMigrations) await context.runMigrations();
else {
  const { getMigrations } = await load("better-auth/db");
  await (await getMigrations(auth.options)).runMigrations();
}

/** A request as a browser sends it. */
const ask = (path, { body, headers } = {}) =>
  auth.handler(
    new Request(`${baseURL}/api/auth${path}`, {
      method: body ? "POST" : "GET",
      headers: { origin: new URL(baseURL).origin, ...(body && { "content-type": "application/json" }), ...headers },
      body: body && JSON.stringify(body),
    }),
  );

const people = [
  { name: "Ada", email: "Ada@Example.com", password: "correct horse battery", image: "https://img.example/ada.png" },
  // An angstrom sign, which NFKC makes a letter.
  { name: "Björn", email: "bjorn@example.com", password: "\u212Bngstrom ﬁve", favouriteColour: "mauve" },
  // A picture of a megabyte.
  { name: "Cleo", email: "cleo@example.com", password: "a picture of me 1", image: `data:image/png;base64,${"iVBO".repeat(250_000)}` },
];
const signedUp = [];
for (const person of people) {
  const up = await ask("/sign-up/email", { body: person });
  if (!up.ok) throw new Error(`sign-up: ${up.status} ${await up.text()}`);
  const answer = await up.json();
  const user = answer.user ?? answer;
  const cookie = up.headers.getSetCookie().find((line) => line.includes("session_token=")).split(";")[0];
  const token = decodeURIComponent(cookie.split("=")[1]).split(".")[0];
  const got = await ask("/token", { headers: { cookie } });
  if (!got.ok) throw new Error(`token: ${got.status} ${await got.text()}`);
  const { image, ...short } = person;
  const picture = image ? createHash("sha256").update(image).digest("hex") : null;
  signedUp.push({ ...short, picture, id: user.id, createdAt: user.createdAt, token, cookie, jwt: (await got.json()).token.slice(0, 4000) });
}
await database.end();
console.log(JSON.stringify(signedUp));
