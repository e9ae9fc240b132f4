/** The package's manifest as the Marketplace and VS Code read it. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { test } from "node:test";

const folder = path.resolve(__dirname, "../..");

interface Manifest {
  version: string;
  icon: string;
  dependencies: Record<string, string>;
  contributes: {
    commands: { command: string; icon?: string }[];
    menus: Record<string, { command: string; group?: string }[]>;
    walkthroughs: { steps: { media: { markdown: string }; completionEvents: string[] }[] }[];
  };
}
const manifest = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8")) as Manifest;

test("the extension is small, and needs nothing else to run", () => {
  assert.deepEqual(Object.keys(manifest.dependencies), ["vscode-jsonrpc"]);
  const { size } = fs.statSync(path.join(folder, "dist", "extension.js"));
  assert.ok(size <= 500_000, `dist/extension.js has ${size} bytes`);
});

test("what the manifest, the README and the walkthrough refer to is there", () => {
  const readme = fs.readFileSync(path.join(folder, "README.md"), "utf8");
  const pictures = [...readme.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map((m) => m[1] ?? "");
  assert.ok(pictures.length > 0);
  const steps = manifest.contributes.walkthroughs.flatMap((w) => w.steps.map((s) => s.media.markdown));
  for (const file of [manifest.icon, ...pictures, ...steps]) assert.ok(fs.existsSync(path.join(folder, file)), file);
});

test("each menu's command is declared, and has an icon where it is shown as one", () => {
  const commands = new Map(manifest.contributes.commands.map((c) => [c.command, c]));
  for (const items of Object.values(manifest.contributes.menus))
    for (const { command, group = "" } of items) {
      assert.ok(commands.has(command), command);
      if (/^(inline|navigation)/.test(group)) assert.ok(commands.get(command)?.icon, command);
    }
});

test("each step of the walkthrough is done by an event that VS Code knows", () => {
  const known = /^(onCommand|onLink|onView|onSettingChanged|onContext|onExtensionInstalled):.+$|^onStepSelected$/;
  for (const { completionEvents } of manifest.contributes.walkthroughs.flatMap((w) => w.steps)) {
    assert.ok(completionEvents.length > 0);
    for (const event of completionEvents) assert.match(event, known);
  }
});

test("the changelog knows this version", () => {
  assert.ok(fs.readFileSync(path.join(folder, "CHANGELOG.md"), "utf8").includes(`## ${manifest.version}\n`));
});
