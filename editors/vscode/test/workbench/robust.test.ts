/** What goes wrong in the middle: the server is killed, the window is loaded again, two windows at once. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import { after, before } from "node:test";
import { call, callHere, here, nothingLeft, restored, root, until, within } from "./stage";
import { lineOf, listens, parent, type Window, Workbench } from "./workbench";

const shop = path.join(root, "examples", "shop");

const workbench = new Workbench();
before(() => workbench.start());
after(() => workbench.end());

workbench.scene("kill -9 of the server: the user is told, the Service is back, and the next F5 works", async () => {
  const window = await workbench.open(shop);
  const { page } = window;
  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.state("live");
  const [pid] = workbench.tunnelServers();
  assert.ok(pid !== undefined);
  process.kill(pid, "SIGKILL");
  const told = window.notification("tunnel-server was ended by SIGKILL");
  await told.waitFor();
  await window.picture("killed-1-told");
  await window.toolbar.waitFor({ state: "hidden" });
  assert.ok(!here(await call("http://cart/cart/ann")), "the pods answer");
  await restored("cart");
  await told.hover();
  await told.locator(".monaco-button", { hasText: "Debug Again" }).click();
  await window.state("live");
  await callHere("http://cart/cart/ann");
  await page.locator(".monaco-workbench").click({ position: { x: 640, y: 400 } });
  await window.stop();
  await restored("cart");
  await nothingLeft();
});

/** What a window had is over, with its servers, and it works again. */
async function anew(window: Window, servers: number[]): Promise<void> {
  await restored("cart");
  await nothingLeft();
  await until("the former server to end", () => assert.ok(!workbench.tunnelServers().some((pid) => servers.includes(pid))));
  await window.debugsCart();
}

workbench.scene("the window is loaded again: nothing is left in the cluster, and it can start anew", async () => {
  const window = await workbench.open(shop);
  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.state("live");
  const before_ = workbench.tunnelServers();
  await window.load();
  await anew(window, before_);
});

workbench.scene("kill -9 of the extension host: nothing is left in the cluster, and it can start anew", async () => {
  const window = await workbench.open(shop);
  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.state("live");
  const before_ = workbench.tunnelServers();
  const [server] = before_;
  assert.ok(server !== undefined);
  process.kill(parent(server), "SIGKILL");
  await window.toolbar.waitFor({ state: "hidden" });
  await anew(window, before_);
});

for (const { stage, state, told } of [
  { stage: "preflight", state: "cut", told: "Looking at the Service" },
  { stage: "the agent", state: "held", told: "Waiting for the agent in the cluster" },
] as const)
  workbench.scene(`cancelled while it starts, at ${stage}: the session is over, nothing is left, and it can start anew`, async () => {
    const window = await workbench.open(shop);
    const { page } = window;
    await window.openFile("cart/main.go");
    await within(state, async () => {
      await window.quickInput("Control+p", "debug Debug cart in cluster");
      const progress = window.notification(told);
      await progress.waitFor();
      await window.picture(`cancel-${state}`);
      await progress.locator(".monaco-button", { hasText: "Cancel" }).click();
      await progress.waitFor({ state: "hidden" });
      await window.toolbar.waitFor({ state: "hidden" });
      await window.status.waitFor({ state: "hidden" });
      assert.equal(await page.locator(".notification-list-item .codicon-error").count(), 0, "whoever has cancelled it needs no message");
      assert.equal(await page.locator(".monaco-dialog-box").count(), 0);
    });
    await restored("cart");
    await nothingLeft();
    await window.debug("Debug cart in cluster", "cart/main.go");
    await window.state("live");
    await window.stop();
    await restored("cart");
    await nothingLeft();
  }, { own: true });

for (const { stage, state, told } of [
  { stage: "preflight", state: "cut", told: "Looking at the Service" },
  { stage: "the operator", state: "silent", told: "Waiting for the agent in the cluster" },
] as const)
  workbench.scene(`stopped by Shift+F5 while it starts, at ${stage}: the session is over, nothing is left, and it can start anew`, async () => {
    const window = await workbench.open(shop);
    await window.openFile("cart/main.go");
    await within(state, () => window.stopsWhileItStarts("Debug cart in cluster", told));
    await restored("cart");
    await nothingLeft();
    await window.debugsCart();
  }, { own: true });

workbench.scene("stopped while the Service is being switched: nothing is left", async () => {
  const window = await workbench.open(shop);
  const { page } = window;
  await window.openFile("cart/main.go");
  await window.breakpoint(lineOf(path.join(shop, "cart", "main.go"), "func main() {"));
  await window.quickInput("Control+p", "debug Debug cart in cluster");
  await window.stopped();
  await window.state("ready");
  await within("silent", async () => {
    const [pid] = workbench.debuggees("cart");
    assert.ok(pid !== undefined);
    await page.keyboard.press("F5");
    await until("the program to listen", () => assert.ok(listens(pid, 8080)));
    await window.status.click();
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "Switching the Service" }).waitFor();
    await window.picture("switching");
    await window.choose("Stop intercept");
    await window.toolbar.waitFor({ state: "hidden" });
    await window.status.waitFor({ state: "hidden" });
    await restored("cart");
  });
  await nothingLeft();
}, { own: true });

workbench.scene("two windows on two Services: each has its own, and one's end is not the other's", async () => {
  const one = await workbench.open(shop);
  const two = await workbench.open(shop);
  await two.command("KubeTunnel: Focus on Cluster View");
  const cartRow = two.page.locator('[role=treeitem][aria-label^="Service cart"]');
  await cartRow.waitFor();
  await one.debug("Debug cart in cluster", "cart/main.go");
  await two.page.locator('[role=treeitem][aria-label^="Service cart, debugged by you"]').waitFor();
  await two.debug("Debug prices in cluster", "prices/main.go");
  await one.state("live");
  await two.state("live");
  await Promise.all([callHere("http://cart/cart/ann"), callHere("http://prices/prices/apple")]);
  await two.picture("two-windows");
  assert.equal(workbench.tunnelServers().length, 2);
  await one.stop();
  await restored("cart");
  assert.ok(here(await call("http://prices/prices/apple")), "prices is debugged on");
  await two.command("KubeTunnel: Focus on Cluster View");
  await two.page.locator('[role=treeitem][aria-label^="Service cart, ports"]').waitFor();
  await two.stop();
  await restored("prices");
  await nothingLeft();
});
