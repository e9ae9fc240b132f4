/** What goes wrong in the middle: the server is killed, the window is loaded again, two windows at once. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import { after, before } from "node:test";
import { call, here, nothingLeft, restored, root, until } from "./stage";
import { Workbench } from "./workbench";

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
  assert.ok(here(await call("http://cart/cart/ann")));
  await page.locator(".monaco-workbench").click({ position: { x: 640, y: 400 } });
  await window.stop();
  await restored("cart");
  await nothingLeft();
});

workbench.scene("the window is loaded again: nothing is left in the cluster, and it can start anew", async () => {
  const window = await workbench.open(shop);
  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.state("live");
  const before_ = workbench.tunnelServers();
  await window.page.reload();
  await window.load();
  await restored("cart");
  await nothingLeft();
  await until("the former server to end", () => assert.ok(!workbench.tunnelServers().some((pid) => before_.includes(pid))));
  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.state("live");
  assert.ok(here(await call("http://cart/cart/ann")));
  await window.stop();
  await restored("cart");
  await nothingLeft();
});

workbench.scene("two windows on two Services: each has its own, and one's end is not the other's", async () => {
  const one = await workbench.open(shop);
  const two = await workbench.open(shop);
  await one.debug("Debug cart in cluster", "cart/main.go");
  await two.debug("Debug prices in cluster", "prices/main.go");
  await one.state("live");
  await two.state("live");
  const [cart, prices] = await Promise.all([call("http://cart/cart/ann"), call("http://prices/prices/apple")]);
  assert.ok(here(cart) && here(prices));
  await two.picture("two-windows");
  assert.equal(workbench.tunnelServers().length, 2);
  await one.stop();
  await restored("cart");
  assert.ok(here(await call("http://prices/prices/apple")), "prices is debugged on");
  await two.stop();
  await restored("prices");
  await nothingLeft();
});
