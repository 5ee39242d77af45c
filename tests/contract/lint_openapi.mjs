import { lint, loadConfig } from "@redocly/openapi-core";

const config = await loadConfig({ configPath: "redocly.yaml" });
const problems = await lint({ ref: process.argv[2], config });
for (const { ruleId, message, location } of problems) {
  console.error(`${location[0]?.pointer ?? ""}: ${message} (${ruleId})`);
}
if (problems.length > 0) process.exit(1);
console.log(`${process.argv[2]}: as Redocly's recommended rules want it`);
