/** A person's day: F5 on cart with a launch.json, a breakpoint, a look around, restart, stop. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import { after, before } from "node:test";
import { call, callHere, here, nothingLeft, restored, root, until } from "./stage";
import { lineOf, listens, Workbench } from "./workbench";

const shop = path.join(root, "examples", "shop");
const line = lineOf(path.join(shop, "cart", "main.go"), "// breakpoint here");

const workbench = new Workbench();
before(() => workbench.start());
after(() => workbench.end());

workbench.scene("F5 on cart: a request in the cluster stops at the breakpoint, and the Service is back after the stop", async () => {
  const window = await workbench.open(shop);
  const { page } = window;
  await window.openFile("cart/main.go");
  await window.breakpoint(line);
  await window.picture("1-breakpoint");

  await window.debug("Debug cart in cluster", "cart/main.go");
  await window.toolbar.waitFor();
  await window.state("live");
  await window.picture("2-live");

  const answer = callHere("http://cart/cart/ann");
  answer.catch(() => undefined); // awaited below
  await window.stopped();
  await page.locator(".debug-call-stack .monaco-list-row", { hasText: "handleCart" }).first().waitFor();
  const variables = page.locator(".debug-variables .monaco-list-row");
  await variables.filter({ hasText: "cart" }).first().waitFor();
  await window.picture("3-stopped");

  await page.keyboard.press("F10");
  await until("the step", async () => {
    assert.match(await page.locator(".debug-call-stack").innerText(), new RegExp(`main.go\\s+${line + 1}`));
  });
  await page.keyboard.press("F5");
  await answer;
  await window.picture("4-continued");

  const [first] = workbench.debuggees("cart");
  await page.keyboard.press("Control+Shift+F5");
  await until("another process that listens", () => {
    const [now] = workbench.debuggees("cart");
    assert.ok(now !== undefined && now !== first && listens(now, 8080), `${first ?? "none"} is ${now ?? "none"} now`);
  });
  await window.state("live");
  const second = callHere("http://cart/cart/bob");
  second.catch(() => undefined);
  await window.stopped();
  await page.keyboard.press("F5");
  await second;

  await window.stop();
  await restored("cart");
  assert.ok(!here(await call("http://cart/cart/ann")), "the pods answer again");
  await nothingLeft();
  await window.status.waitFor({ state: "hidden" });
  await window.command("KubeTunnel: Open Logs");
  await page.locator(".part.panel .view-lines", { hasText: /the\s+Service\s+is\s+as\s+it\s+was\s+before/ }).waitFor();
  await window.picture("5-receipt");
});
