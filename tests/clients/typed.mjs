// Generates TypeScript clients from the OpenAPI documents, compiles them strictly with a program, and runs it.
// usage: node typed.mjs DOCUMENTS SIGNET FOLDER   (FOLDER: a copy of examples/typescript below the installed packages)
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";

const [documents, SIGNET_URL, folder] = process.argv.slice(2);
const packages = join(process.env.SIGNET_TEST_CLIENTS, "node_modules");
const node = (...words) => execFileSync(process.execPath, words, { cwd: folder, encoding: "utf8", env: { SIGNET_URL } });

for (const name of ["identity", "tasks"]) {
  node(join(packages, "openapi-typescript/bin/cli.js"), join(documents, `${name}.json`), "-o", `${name}.d.ts`);
}
copyFileSync(new URL("typed.ts", import.meta.url), join(folder, "typed.ts"));
try {
  node(join(packages, "typescript/bin/tsc"));
} catch ({ stdout }) {
  throw new Error(stdout);
}
process.stdout.write(node("dist/main.js"));
