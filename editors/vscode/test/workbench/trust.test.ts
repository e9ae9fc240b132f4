/** A folder that is not trusted: the extension is not there, and is when it is. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import { after, before } from "node:test";
import { root } from "./stage";
import { Workbench } from "./workbench";

const workbench = new Workbench();
before(() => workbench.start({}, { trust: true }));
after(() => workbench.end());

workbench.scene("an untrusted folder: nothing of the extension runs until it is trusted", async () => {
  const window = await workbench.open(path.join(root, "examples", "shop"));
  const { page } = window;
  await page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
  await window.openFile("cart/main.go");
  assert.equal(await window.icon.count(), 0);
  assert.deepEqual(workbench.tunnelServers(), []);
  await window.command("Workspaces: Manage Workspace Trust");
  await page.locator(".workspace-trust-editor").waitFor();
  await window.picture("untrusted");
  await page.locator(".workspace-trust-editor .monaco-button", { hasText: /^Trust$/ }).first().click();
  await window.icon.waitFor();
  await window.command("KubeTunnel: Focus on Cluster View");
  await page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
});
