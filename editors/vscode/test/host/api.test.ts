/** Runs index.ts inside an extension host, with the extension as it is in this folder. */
import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { measured, nothingLeft, restored, root } from "../workbench/stage";
import { Workbench } from "../workbench/workbench";

const workbench = new Workbench();
const folder = path.join(workbench.folder, "api");
const cart = path.join(root, "examples", "shop", "cart");
const target = { namespace: "shop", service: "cart" };

before(async () => {
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  const configurations = [
    { name: "Launch", type: "go", request: "launch", program: "${config:shop.program}", preLaunchTask: "note" },
    { name: "Launch by questions", type: "go", request: "launch", program: "${command:shop.root}/${input:which}" },
    { name: "By questions", type: "kubetunnel", request: "launch", target, debug: "Launch by questions" },
    { name: "By name", type: "kubetunnel", request: "launch", target, debug: "Launch" },
    { name: "Prices", type: "kubetunnel", request: "launch", target: "shop/prices", debug: { type: "go", request: "launch", program: path.join(root, "examples", "shop", "prices") } },
    { name: "Attach", type: "kubetunnel", request: "launch", target, debug: { type: "go", request: "attach", mode: "local", processId: "attached" } },
    { name: "Not ours", type: "node", request: "attach", context: "els" },
    { name: "Cart in Java", type: "java", request: "launch", mainClass: "Cart", preLaunchTask: "classes", env: { LISTEN: "127.0.0.1:8080" } },
    { name: "Java by name", type: "kubetunnel", request: "launch", target: { ...target, localPort: 8080 }, debug: "Cart in Java" },
    { name: "Unknown name", type: "kubetunnel", request: "launch", target, debug: "Lunch" },
    { name: "Misspelt", type: "kubetunnel", request: "launch", target: { namespace: "shop", service: "crat" }, debug: { type: "go", request: "launch", program: cart } },
    { name: "Unfinished", type: "kubetunnel", request: "launch", target: { namespace: "shop", service: "", port: "" }, debug: "" },
  ];
  fs.writeFileSync(path.join(folder, ".vscode", "launch.json"), `// A comment, as people have them.\n${JSON.stringify({ version: "0.2.0", configurations, inputs: [{ id: "which", type: "command", command: "shop.which", args: { of: "cart" } }], compounds: [{ name: "Both", configurations: ["By name", "Prices"] }] }, null, 2)}`);
  const tasks = [
    { label: "note", type: "shell", command: "echo done >> noted", problemMatcher: [] },
    { label: "classes", type: "shell", command: `mkdir -p target/classes && javac -g -d target/classes ${path.join(root, "test", "e2e", "testdata", "debuggers", "Cart.java")}`, problemMatcher: [] },
  ];
  fs.writeFileSync(path.join(folder, ".vscode", "tasks.json"), JSON.stringify({ version: "2.0.0", tasks }));
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "shop.program": cart }));
  execFileSync("go", ["build", "-gcflags=all=-N -l", "-o", path.join(folder, "attached"), "."], { cwd: cart });
  await workbench.start({ "kubetunnel.server.path": path.join(root, "bin", "tunnel-server") });
});
after(() => workbench.end());

test("the extension's API tests, in an extension host", async () => {
  const ours = path.join(root, "editors", "vscode");
  const { code, lines } = await workbench.runInHost(folder, [ours, path.join(ours, "build", "host", "java")], path.join(ours, "build", "host", "index.js"));
  // VS Code itself says much that is nobody's concern when all is well.
  for (const line of lines) if (code !== 0 || /^(ok|measured): /.test(line)) console.log(line);
  const activation = lines.map((line) => /measured: activation (\d+) ms/.exec(line)?.[1]).find((n) => n !== undefined);
  const bundle = fs.statSync(path.join(root, "editors", "vscode", "dist", "extension.js")).size;
  measured({ name: "making the parts of the VS Code extension, and loading it once more", value: Number(activation), unit: "ms" });
  measured({ name: "bundle of the VS Code extension", value: bundle, unit: "B" });
  assert.equal(code, 0);
  await restored("cart");
  await restored("prices");
  await nothingLeft();
});

test("what the package's README shows is where the Marketplace finds it", () => {
  const readme = execFileSync("unzip", ["-p", process.env.KUBETUNNEL_VSIX ?? "", "extension/readme.md"], { encoding: "utf8" });
  const pictures = [...readme.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  assert.ok(pictures.length > 0);
  for (const link of pictures) {
    const [, file = ""] = /^https:\/\/github\.com\/kubetunnel\/kubetunnel\/raw\/HEAD\/(.+)$/.exec(link) ?? [];
    assert.ok(file !== "" && fs.existsSync(path.join(root, file)), link);
  }
});
