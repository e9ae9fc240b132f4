/** As an admin, by the settings: the operator is installed from the editor; a server of another version; what the extension costs. */
import * as assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before } from "node:test";
import type { Locator } from "playwright-core";
import { adminKubeconfig, callHere, measured, nothingLeft, operatorImage, restored, root, until, within } from "./stage";
import { Workbench } from "./workbench";

const shop = path.join(root, "examples", "shop");

const workbench = new Workbench();
before(() => workbench.start({ "kubetunnel.kubeconfig": adminKubeconfig, "kubetunnel.operator.image": operatorImage }));
after(() => workbench.end());

workbench.scene("no operator in the cluster: the error's button installs it, and then the session starts", async () => {
  const window = await workbench.open(shop);
  const { page } = window;
  await window.openFile("cart/main.go");
  await within("bare", async () => {
    await window.quickInput("Control+p", "debug Debug cart in cluster");
    const error = window.notification("the cluster has no KubeTunnel operator");
    await error.waitFor();
    await window.picture("no-operator-1-error");
    await error.locator(".monaco-button", { hasText: "Install the operator" }).click();
    const dialog = page.locator(".monaco-dialog-box");
    await dialog.waitFor();
    await window.picture("no-operator-2-question");
    const context = /^current-context: *"?([^"\n]+)/m.exec(fs.readFileSync(adminKubeconfig, "utf8"))?.[1];
    assert.ok(context !== undefined && (await dialog.innerText()).includes(`in context ${context}?`), "it says where");
    await dialog.locator(".monaco-button", { hasText: "Install" }).click();
    await window.notification(/The KubeTunnel operator .* is ready/).waitFor();
    await window.picture("no-operator-3-ready");
    await window.debugsCart();
  });
}, { own: true });

workbench.scene("a tunnel-server of another version: that is told", async () => {
  const server = path.join(workbench.folder, "tunnel-server-0.0.1");
  execFileSync("go", ["build", "-trimpath", "-ldflags", "-s -w -X github.com/kubetunnel/kubetunnel/operator/version.Version=0.0.1", "-o", server, "./server/cmd/tunnel-server"], { cwd: root });
  const folder = path.join(workbench.folder, "other");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "kubetunnel.server.path": server }));
  const window = await workbench.open(folder);
  await window.command("KubeTunnel: Focus on Cluster View");
  await window.notification("names a tunnel-server 0.0.1; this extension comes with").waitFor();
  await window.picture("other-version");
  await window.page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
});

workbench.scene("the view is live: namespaces and contexts come and go as they do in the cluster and in the kubeconfig", async () => {
  const folder = path.join(workbench.folder, "live");
  const kubeconfig = path.join(folder, "kubeconfig");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  fs.copyFileSync(adminKubeconfig, kubeconfig);
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "kubetunnel.kubeconfig": kubeconfig }));
  const window = await workbench.open(folder);
  const row = (name: string): Locator => window.page.locator(`[role=treeitem][aria-label^="${name}"]`);
  await window.command("KubeTunnel: Focus on Cluster View");
  await row("Service cart").waitFor();
  await within("another", async () => {
    await row("Namespace another").waitFor();
    await row("Service cart").waitFor();
    await window.picture("view-3-another-namespace");
  });
  await row("Namespace another").waitFor({ state: "detached" });

  // What is closed meanwhile is as it is when it is opened again.
  const context = row("Context dev-cluster");
  await context.click();
  await row("Service cart").waitFor({ state: "detached" });
  await within("another", async () => {
    await context.click();
    await row("Namespace another").waitFor();
  });

  const one = fs.readFileSync(kubeconfig, "utf8");
  const [, entry] = /^contexts:\n(- context:\n(?: {2}.*\n)*)/m.exec(one) ?? [];
  assert.ok(entry, one);
  fs.writeFileSync(kubeconfig, one.replace(entry, entry + entry.replace("name: dev-cluster", "name: second")));
  await row("Context second").waitFor();
  await window.picture("view-4-second-context");
  fs.writeFileSync(kubeconfig, one);
  await row("Context second").waitFor({ state: "detached" });
  await row("Service cart").waitFor();

  // Another file, by the setting: the server is started again for it.
  fs.writeFileSync(path.join(folder, "other"), one.replaceAll("dev-cluster", "third"));
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "kubetunnel.kubeconfig": "${workspaceFolder}/other" }));
  await row("Context third").waitFor();
  await row("Service cart").waitFor();
  await row("Context dev-cluster").waitFor({ state: "detached" });
});

workbench.scene("another kubeconfig while a session runs: the session goes on until the user lets the server be started again", async () => {
  const folder = path.join(workbench.folder, "changed");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  fs.writeFileSync(path.join(folder, "main.go"), "package main\n\nfunc main() {}\n");
  const configuration = { name: "Debug cart by its name", type: "kubetunnel", request: "launch", target: "shop/cart", debug: { type: "go", program: path.join(shop, "cart") } };
  fs.writeFileSync(path.join(folder, ".vscode", "launch.json"), JSON.stringify({ version: "0.2.0", configurations: [configuration] }));
  const window = await workbench.open(folder);
  await window.debug(configuration.name, "main.go");
  await window.state("live");
  fs.writeFileSync(path.join(folder, "other"), fs.readFileSync(adminKubeconfig, "utf8").replaceAll("dev-cluster", "third"));
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "kubetunnel.kubeconfig": "${workspaceFolder}/other" }));
  const told = window.notification("kubetunnel.kubeconfig takes effect when the server is started again");
  await told.waitFor();
  await window.picture("changed-setting");
  await callHere("http://cart/cart/ann");
  await told.locator(".monaco-button", { hasText: "Restart server" }).click();
  await window.toolbar.waitFor({ state: "hidden" });
  await restored("cart");
  await nothingLeft();
  await window.command("KubeTunnel: Focus on Cluster View");
  await window.page.locator('[role=treeitem][aria-label^="Context third"]').waitFor();
  assert.equal(await window.page.locator(".notification-list-item", { hasText: "tunnel-server" }).count(), 0, "nothing has failed");
});

workbench.scene("a current context that can't be reached: that is told where a Service is chosen, and another context can be", async () => {
  const folder = path.join(workbench.folder, "broken");
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  const one = fs.readFileSync(adminKubeconfig, "utf8");
  const [, user] = /^ {4}user: (.*)$/m.exec(one) ?? [];
  assert.ok(user, one);
  const broken = one
    .replace(/^current-context: .*$/m, "current-context: gone")
    .replace(/^contexts:$/m, `contexts:\n- context:\n    cluster: gone\n    user: ${user}\n  name: gone`)
    .replace(/^clusters:$/m, "clusters:\n- cluster:\n    server: https://127.0.0.1:1\n  name: gone");
  fs.writeFileSync(path.join(folder, "kubeconfig"), broken);
  fs.writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify({ "kubetunnel.kubeconfig": "${workspaceFolder}/kubeconfig" }));
  const window = await workbench.open(folder);
  const row = (text: string): Locator => window.page.locator(".quick-input-list .monaco-list-row", { hasText: text });
  await window.command("KubeTunnel: Debug in Cluster");
  await row("KT1").waitFor();
  await window.picture("broken-context");
  await window.choose("Another namespace or context");
  await window.choose("dev-cluster");
  await window.choose("shop");
  await row("Deployment cart").waitFor();
  await window.page.keyboard.press("Escape");
});

workbench.scene("what the extension costs at the start of a window", async () => {
  const window = await workbench.open(shop);
  await window.command("KubeTunnel: Focus on Cluster View");
  await window.page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
  await window.command("Developer: Show Running Extensions");
  const row = window.page.locator(".runtime-extensions-editor .extension", { hasText: "KubeTunnel" });
  const millis = await until("its activation time", async () => {
    const told = /Activation: (\d+)ms/.exec(await row.innerText());
    assert.ok(told);
    return Number(told[1]);
  });
  await window.picture("activation");
  measured({ name: "activation of the VS Code extension, as VS Code measures it", value: millis, unit: "ms" });
});
