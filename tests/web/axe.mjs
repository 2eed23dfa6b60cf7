// What axe finds on a page.
// In: a page as it is shown. Out: what keeps people out, a line for each finding.
import { readFile } from "node:fs/promises";

import { require } from "./browser.mjs";

const axe = await readFile(require.resolve("axe-core/axe.min.js"), "utf8");

/** The findings of axe that keep people out. */
export async function findings(page, where) {
  // The end of every motion is what people read.
  await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => `${where}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
}
