// Better Auth behind node:http, as its documentation sets it up for production, in one process or in several.
// usage: NODE_ENV=production BETTER_AUTH_SECRET=SECRET node better-auth.mjs PORT PROCESSES DATABASE
import cluster from "node:cluster";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";
import Database from "better-sqlite3";

const [port, processes, file] = process.argv.slice(2);
const database = new Database(file);
// What is acknowledged is on the disk, as in Signet; better-sqlite3 would have NORMAL with this journal.
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
const auth = betterAuth({
  database,
  baseURL: `http://127.0.0.1:${port}`,
  emailAndPassword: { enabled: true },
  plugins: [
    bearer(),
    jwt({
      jwks: { keyPairConfig: { alg: "EdDSA", crv: "Ed25519" } },
      jwt: {
        // The claims of Signet; without a jti all tokens of one second are the same.
        definePayload: ({ user, session }) => ({ ...user, sid: session.id, jti: randomUUID() }),
      },
    }),
  ],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
});

const alone = processes === "1";
if (cluster.isPrimary) {
  await (await auth.$context).runMigrations();
  for (let worker = 0; !alone && worker < Number(processes); worker++) cluster.fork();
}
if (alone || cluster.isWorker) createServer(toNodeHandler(auth)).listen(Number(port), "127.0.0.1");
