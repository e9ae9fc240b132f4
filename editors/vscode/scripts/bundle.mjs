// bundle.mjs [--tests]: the extension in one file, dist/extension.js; with --tests also
// the tests, each in a file of its own below build/.
import { build } from "esbuild";
import { copyFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const common = { absWorkingDir: root, bundle: true, platform: "node", format: "cjs", target: "node20", external: ["vscode"], logLevel: "warning" };

rmSync(join(root, "dist"), { recursive: true, force: true });
await build({ ...common, entryPoints: ["src/extension.ts"], outfile: "dist/extension.js", minify: true, sourcemap: "linked", sourcesContent: false });

if (process.argv.includes("--tests")) {
  rmSync(join(root, "build"), { recursive: true, force: true });
  for (const kind of ["unit", "host", "workbench"]) {
    const folder = join("test", kind);
    const entryPoints = readdirSync(join(root, folder)).filter((name) => name.endsWith(".test.ts") || name === "index.ts").map((name) => join(folder, name));
    if (entryPoints.length > 0) await build({ ...common, external: ["vscode", "vscode-jsonrpc", "playwright-core", "typescript"], entryPoints, outdir: join("build", kind), sourcemap: "inline" });
  }
  await build({ ...common, entryPoints: ["test/host/java/extension.ts"], outfile: "build/host/java/extension.js" });
  copyFileSync(join(root, "test/host/java/package.json"), join(root, "build/host/java/package.json"));
}
