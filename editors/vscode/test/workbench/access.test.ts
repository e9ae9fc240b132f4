/** With the keyboard alone, and for a screen reader: each view is reached, each icon has a name. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import { after, before } from "node:test";
import { callHere, nothingLeft, restored, root, until } from "./stage";
import { type Window, Workbench } from "./workbench";

const cart = path.join(root, "examples", "shop", "cart");

const workbench = new Workbench();
before(() => workbench.start({ "editor.accessibilitySupport": "on" }));
after(() => workbench.end());

/** What the focused tree says of the row that is chosen. */
async function focusedRow(window: Window): Promise<string> {
  return window.page.evaluate(() => {
    const active = document.activeElement;
    const row = document.getElementById(active?.getAttribute("aria-activedescendant") ?? "") ?? active?.querySelector(".monaco-list-row.focused");
    return row?.getAttribute("aria-label") ?? "";
  });
}

/** Icons without a name, in the parts of the window that are ours. */
async function nameless(window: Window): Promise<string[]> {
  return window.page.evaluate(() => {
    const own = [...document.querySelectorAll('.pane[aria-label*="KubeTunnel"], .pane, [id="kubetunnel.kubetunnel.kubetunnel.session"]')];
    // Its own: what is around it may well have one, and a screen reader still says "button".
    const named = (e: Element): boolean => {
      const by = (e.getAttribute("aria-labelledby") ?? "").split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "");
      return [e.getAttribute("aria-label"), ...by, e.textContent, e.getAttribute("title")].some((text) => (text ?? "").trim() !== "");
    };
    return own.flatMap((part) => [...part.querySelectorAll("[role=treeitem], .action-label, [role=button]")]).filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 200));
  });
}

workbench.scene("a session from start to end with the keyboard alone", async () => {
  const window = await workbench.open(cart);
  const { page } = window;
  await window.openFile("main.go");
  await window.quickKeys("F1", ">KubeTunnel: Focus on Cluster View");
  await page.locator('[role=treeitem][aria-label^="Service cart"]').waitFor();
  assert.deepEqual(await nameless(window), []);
  await page.evaluate(() => document.querySelector(".pane")?.insertAdjacentHTML("beforeend", '<a class="action-label codicon planted" role="button"></a>'));
  assert.equal((await nameless(window)).length, 1, "one without a name is found");
  await page.evaluate(() => document.querySelector(".planted")?.remove());

  // An empty view takes no focus: once more, now that there is something in it.
  await window.quickKeys("F1", ">KubeTunnel: Focus on Cluster View");
  await until("the view to have the focus", async () => {
    await page.keyboard.press("Home");
    assert.match(await focusedRow(window), /^Context/);
  });
  for (let i = 0; i < 30 && !(await focusedRow(window)).startsWith("Service cart"); i++) await page.keyboard.press("ArrowDown");
  assert.match(await focusedRow(window), /^Service cart, ports 80/);
  await page.keyboard.press("Shift+F10");
  await page.locator(".monaco-menu .action-label", { hasText: "Debug this Service" }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  // There is one program only: it is not asked which.
  await window.state("live");
  assert.match((await window.status.locator("a").first().getAttribute("aria-label")) ?? "", /KubeTunnel, shop\/cart is live/);
  await callHere("http://cart/cart/ann");

  await window.quickKeys("F1", ">KubeTunnel: Focus on Sessions of this window View");
  await page.locator('[role=treeitem][aria-label^="Session on shop/cart, live"]').waitFor();
  assert.deepEqual(await nameless(window), []);
  await window.quickKeys("F1", ">KubeTunnel: Show What Is Going On");
  await page.locator(".quick-input-list .monaco-list-row", { hasText: "Stop intercept" }).waitFor();
  await page.keyboard.press("Enter");
  await window.toolbar.waitFor({ state: "hidden" });
  await restored("cart");
  await nothingLeft();
});
