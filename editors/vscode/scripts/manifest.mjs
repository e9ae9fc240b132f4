// manifest.mjs [--check]: puts what the contract says about launch configurations into
// package.json, for completion and hovers; with --check it tells whether it is there.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const schemaFile = fileURLToPath(new URL("../../../protocol/gen/schema.json", import.meta.url));
const manifestFile = fileURLToPath(new URL("../package.json", import.meta.url));
const { $defs: defs } = JSON.parse(readFileSync(schemaFile, "utf8"));

/** VS Code shows "description" as text, and knows no $ref here. */
function inline(schema) {
  if (schema.$ref) {
    const { $ref, ...own } = schema;
    return { ...inline(defs[$ref.split("/").at(-1)]), ...own };
  }
  const out = { ...schema };
  if (schema.properties) {
    out.properties = Object.fromEntries(Object.entries(schema.properties).map(([k, v]) => [k, inline(v)]));
    out.additionalProperties = false;
  }
  if (schema.items) out.items = inline(schema.items);
  return out;
}

const configuration = inline(defs.DebugConfiguration);
const { target, debug } = configuration.properties;
// Both may be written shorter, for who writes by hand: see target.ts.
target.type = ["object", "string"];
target.properties.port.type = ["string", "integer"];
const attributes = {
  launch: {
    properties: {
      target: { ...target, defaultSnippets: [{ label: "{ service }", body: { namespace: "$1", service: "$2" } }] },
      debug: { ...debug, type: ["object", "string"] },
    },
  },
};

const before = readFileSync(manifestFile, "utf8");
const manifest = JSON.parse(before);
manifest.contributes.debuggers[0].configurationAttributes = attributes;
const after = JSON.stringify(manifest, null, 2) + "\n";
if (process.argv.includes("--check")) {
  if (JSON.stringify(JSON.parse(before)) !== JSON.stringify(manifest)) {
    console.error("editors/vscode/package.json is stale: run `make generate`");
    process.exit(1);
  }
} else if (after !== before) writeFileSync(manifestFile, after);
