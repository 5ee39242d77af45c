import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

// 3.0.0 is the version that tools read.
const wanted = (diagnostic) => diagnostic.code !== "asyncapi-latest-version";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
const said = diagnostics.filter(wanted);
for (const { code, path, message } of said) console.error(`${path.join(".")}: ${message} (${code})`);
if (!document || said.length > 0) process.exit(1);
console.log(
  `${document.info().title()}: ${document.channels().length} channels, ` +
    `${document.operations().length} operations, ${document.components().messages().length} messages`,
);
