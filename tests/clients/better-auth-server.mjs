// The real Better Auth on PostgreSQL: makes its tables, lets two people sign up, and prints what they know.
// usage: node better-auth-server.mjs DATABASE_URL SECRET
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { betterAuth } = await import(pathToFileURL(require.resolve("better-auth")).href);
const { Pool } = require("pg");

const [connectionString, secret] = process.argv.slice(2);
const database = new Pool({ connectionString });
const auth = betterAuth({
  database,
  secret,
  baseURL: "http://localhost:3000",
  emailAndPassword: { enabled: true },
  telemetry: { enabled: false },
});
await (await auth.$context).runMigrations();
const people = [
  { name: "Ada", email: "Ada@Example.com", password: "correct horse battery", image: "https://img.example/ada.png" },
  // An angstrom sign, which NFKC makes a letter.
  { name: "Björn", email: "bjorn@example.com", password: "\u212Bngstrom ﬁve" },
];
const signedUp = [];
for (const person of people) {
  const { headers, response } = await auth.api.signUpEmail({ body: person, returnHeaders: true });
  signedUp.push({ ...person, id: response.user.id, token: response.token, cookie: headers.getSetCookie()[0].split(";")[0] });
}
await database.end();
console.log(JSON.stringify(signedUp));
