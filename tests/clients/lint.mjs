// Redocly's recommended rules for OpenAPI documents.
// usage: node lint.mjs DOCUMENTS
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(`${process.env.SIGNET_TEST_CLIENTS}/package.json`);
const { createConfig, formatProblems, lint } = require("@redocly/openapi-core");

const [documents] = process.argv.slice(2);
const rules = {
  "info-license-url": "off", // two licences, and one URL at most
  "info-license-strict": "off",
  "operation-2xx-response": "off", // a link leads on
  "operation-4xx-response": "off", // the key set and the liveness probe refuse no request
};
const config = await createConfig({ extends: ["recommended-strict"], rules });
for (const name of ["identity", "tasks"]) {
  const problems = await lint({ ref: join(documents, `${name}.json`), config });
  formatProblems(problems, { totals: {}, format: "stylish" });
  console.log(`${name}: ${problems.length} problems`);
}
