/** Ways to start: without a launch.json, from the view, from one with mistakes in it. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before } from "node:test";
import { call, here, nothingLeft, restored, room, root, until } from "./stage";
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
  const answer = call("http://cart/cart/ann");
  answer.catch(() => undefined);
  await window.stopped();
  await window.picture("no-launch-json-2-stopped");
  await page.keyboard.press("F5");
  assert.ok(here(await answer));
  await window.stop();
  await restored("cart");
  await nothingLeft();
  assert.ok(!fs.existsSync(path.join(cart, ".vscode")), "nothing was written into the folder");
});

workbench.scene("from the view: who debugs what is seen, and a session is started and stopped there", async () => {
  const window = await workbench.open(cart);
  const { page } = window;
  await window.openFile("main.go");
  await page.locator(".activitybar [aria-label^=KubeTunnel]").first().click();
  const row = page.locator('.pane-body [role=treeitem][aria-label^="Service cart"]');
  await row.waitFor();
  await window.picture("view-1-services");
  await window.menu(row, "Debug this Service");
  await window.state("live");
  await page.locator(".activitybar [aria-label^=KubeTunnel]").first().click();
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
  await room(false);
  try {
    await window.debug("Debug cart in cluster", "cart/main.go");
    const error = window.notification("KT1407");
    await error.waitFor();
    await window.toolbar.waitFor({ state: "hidden" });
    await window.status.waitFor({ state: "hidden" });
    await window.picture("failed-session");
    assert.equal(await page.locator(".notification-list-item", { hasText: "KT1407" }).count(), 1);
    assert.equal(await page.locator(".monaco-dialog-box").count(), 0);
  } finally {
    await room(true);
  }
  await restored("cart");
  await nothingLeft();
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
