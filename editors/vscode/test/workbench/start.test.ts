/** Ways to start: without a launch.json, from the view, from one with mistakes in it. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before } from "node:test";
import { apply, callHere, nothingLeft, restored, root, until, within } from "./stage";
import { parsed } from "../../src/jsonc";
import { lineOf, Workbench } from "./workbench";

const cart = path.join(root, "examples", "shop", "cart");
const line = lineOf(path.join(cart, "main.go"), "// breakpoint here");

const workbench = new Workbench();
before(() => workbench.start());
after(() => workbench.end());

workbench.scene("no launch.json: F5, pick a Service, and the open program is it", async () => {
  const window = await workbench.open(cart);
  const { page } = window;
  await window.openFile("main.go");
  await window.breakpoint(line);
  await page.keyboard.press("F5");
  // VS Code asks which debugger where several fit.
  await page.locator(".quick-input-list .monaco-list-row", { hasText: /Debug in cluster|cart/ }).first().waitFor();
  const debuggers = page.locator(".quick-input-list .monaco-list-row", { hasText: "Debug in cluster" });
  if ((await debuggers.count()) > 0) await debuggers.first().click();
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Deployment cart" }).first().waitFor();
  await window.picture("no-launch-json-1-service");
  await window.choose("cart");
  await window.state("live");
  const answer = callHere("http://cart/cart/ann");
  answer.catch(() => undefined);
  await window.stopped();
  await window.picture("no-launch-json-2-stopped");
  await page.keyboard.press("F5");
  await answer;
  await window.stop();
  await restored("cart");
  await nothingLeft();
  assert.ok(!fs.existsSync(path.join(cart, ".vscode")), "nothing was written into the folder");
});

workbench.scene("from the view: who debugs what is seen, and a session is started and stopped there", async () => {
  const window = await workbench.open(cart);
  const { page } = window;
  await window.openFile("main.go");
  await window.icon.click();
  const row = page.locator('.pane-body [role=treeitem][aria-label^="Service cart"]');
  await row.waitFor();
  await window.picture("view-1-services");
  await window.menu(row, "Debug this Service");
  await window.state("live");
  await window.icon.click();
  await page.locator('[role=treeitem][aria-label*="debugged by you"]').waitFor();
  assert.equal(await page.locator('[role=treeitem][aria-label^="Service kt-"]').count(), 0, "what the operator has made is not the app's");
  await window.picture("view-2-debugged");
  await window.status.click();
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Switched the Service" }).waitFor();
  await window.picture("status-stages");
  await page.keyboard.press("Escape");
  await window.menu(page.locator('[role=treeitem][aria-label*="debugged by you"]'), "Stop Intercept");
  await window.toolbar.waitFor({ state: "hidden" });
  await restored("cart");
  await nothingLeft();
});

workbench.scene("a bad target: a squiggle with a quick fix, and an error with what to do", async () => {
  const folder = path.join(workbench.folder, "bad");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  const file = path.join(folder, ".vscode", "launch.json");
  const configuration = { name: "Debug crat", type: "kubetunnel", request: "launch", target: { namespace: "shop", service: "crat" }, debug: { type: "go", request: "launch", program: "${workspaceFolder}" } };
  fs.writeFileSync(path.join(folder, "main.go"), "package main\n\nfunc main() {}\n");
  fs.writeFileSync(file, JSON.stringify({ version: "0.2.0", configurations: [configuration] }, null, 2));
  const window = await workbench.open(folder);
  const { page } = window;
  await window.openFile("launch.json");
  await page.locator(".squiggly-error").first().waitFor();
  await window.debug("Debug crat", "main.go");
  const error = window.notification("KT1201");
  await error.waitFor();
  await window.picture("bad-target-1-error");
  await window.toolbar.waitFor({ state: "hidden" });

  await window.openFile("launch.json");
  await window.quickInput("Control+g", `:${lineOf(file, '"crat"')}:20`);
  await page.keyboard.press("Control+.");
  const fix = page.locator(".action-widget .monaco-list-row", { hasText: "Change it to cart" });
  await fix.waitFor();
  await window.picture("bad-target-2-fix");
  await fix.click();
  await page.keyboard.press("Control+s");
  await until("the fix", () => assert.match(fs.readFileSync(file, "utf8"), /"service": "cart"/));
  await page.locator(".squiggly-error").first().waitFor({ state: "detached" });
});

workbench.scene("a session that fails while it starts: told once, with what the cluster says", async () => {
  const window = await workbench.open(path.dirname(cart));
  const { page } = window;
  await within("full", async () => {
    await window.debug("Debug cart in cluster", "cart/main.go");
    const error = window.notification("KT1407");
    await error.waitFor();
    await window.toolbar.waitFor({ state: "hidden" });
    await window.status.waitFor({ state: "hidden" });
    await window.picture("failed-session");
    assert.equal(await page.locator(".notification-list-item", { hasText: "KT1407" }).count(), 1);
    assert.equal(await page.locator(".monaco-dialog-box").count(), 0);
  });
  await restored("cart");
  await nothingLeft();
});

workbench.scene("without the right: the YAML that an admin applies is what it takes", async () => {
  const window = await workbench.open(path.dirname(cart));
  const { page } = window;
  await window.openFile("cart/main.go");
  await within("denied", async () => {
    await window.quickInput("Control+p", "debug Debug cart in cluster");
    const error = window.notification("dev may not intercept");
    await error.waitFor();
    await window.toolbar.waitFor({ state: "hidden" });
    await window.picture("denied-1-error");
    await error.locator(".monaco-button", { hasText: "Copy RBAC YAML" }).click();
    await page.locator(".editor-instance .view-lines", { hasText: "RoleBinding" }).waitFor();
    await window.notification("The YAML is in the clipboard too").waitFor();
    await window.picture("denied-2-yaml");
    const yaml = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(yaml, /kind: Role\n/);
    await apply(yaml);
    await window.debugsCart();
  });
});

workbench.scene("a question in the configuration that is named is asked once", async () => {
  const folder = path.join(workbench.folder, "asks");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  fs.writeFileSync(path.join(folder, "main.go"), "package main\n\nfunc main() {}\n");
  const inputs = [{ id: "which", type: "pickString", description: "Which program?", options: ["prices", "cart"] }];
  const configurations = [
    { name: "Launch", type: "go", request: "launch", program: `${path.dirname(cart)}/\${input:which}` },
    { name: "Debug what is asked", type: "kubetunnel", request: "launch", target: { namespace: "shop", service: "cart" }, debug: "Launch" },
  ];
  fs.writeFileSync(path.join(folder, ".vscode", "launch.json"), JSON.stringify({ version: "0.2.0", inputs, configurations }, null, 2));
  const window = await workbench.open(folder);
  const { page } = window;
  await window.debug("Debug what is asked", "main.go");
  await page.locator('.quick-input-widget input[placeholder="Which program?"]').waitFor();
  await window.picture("asked");
  await window.choose("cart");
  await window.state("live");
  await callHere("http://cart/cart/ann");
  assert.equal(workbench.debuggees("cart").length, 1);
  await window.stop();
  await restored("cart");
  await nothingLeft();
});

workbench.scene("the walkthrough opens, and its first step shows the cluster", async () => {
  const window = await workbench.open(cart);
  const { page } = window;
  await window.command("KubeTunnel: Focus on Sessions of this window View");
  await page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
  await page.locator(".welcome-view-content a", { hasText: "Get started" }).click();
  for (const step of ["Connect to a cluster", "Install the operator", "Debug in cluster"]) await page.locator(".getting-started-step .step-title", { hasText: step }).waitFor();
  await window.picture("walkthrough");
  await page.locator(".getting-started-step .monaco-button", { hasText: "Show the cluster" }).click();
  await page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
});

workbench.scene("a launch.json that VS Code makes: the Service is asked for, the rest is known", async () => {
  const folder = path.join(workbench.folder, "fresh");
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, "main.go"), "package main\n\nfunc main() {}\n");
  const window = await workbench.open(folder);
  const { page } = window;
  await window.openFile("main.go");
  await page.locator('.activitybar [aria-label^="Run and Debug"]').first().click();
  await page.locator(".welcome-view-content a", { hasText: "create a launch.json file" }).click();
  await page.locator(".quick-input-list .monaco-list-row", { hasText: /Debug in cluster|Deployment cart/ }).first().waitFor();
  const debuggers = page.locator(".quick-input-list .monaco-list-row", { hasText: "Debug in cluster" });
  if ((await debuggers.count()) > 0) await debuggers.first().click();
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Deployment cart" }).first().waitFor();
  await window.choose("cart");
  await page.locator('.tab.active[data-resource-name="launch.json"]').waitFor();
  const made = await until("launch.json", () => parsed(fs.readFileSync(path.join(folder, ".vscode", "launch.json"), "utf8")) as { configurations: unknown[] });
  await window.picture("new-launch-json");
  assert.deepEqual(made.configurations, [
    {
      type: "kubetunnel",
      request: "launch",
      name: "Debug cart in cluster",
      target: { namespace: "shop", service: "cart" },
      debug: { type: "go", request: "launch", program: "${workspaceFolder}" },
    },
  ]);
});
