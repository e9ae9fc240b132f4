/** A Node program, whose debugger lives in VS Code: the session's child is js-debug's. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { after, before } from "node:test";
import { callHere, nothingLeft, restored, within } from "./stage";
import { lineOf, Workbench } from "./workbench";

const program = `const http = require("node:http");
const os = require("node:os");

http
  .createServer((request, response) => {
    const answer = { servedBy: os.hostname(), currency: process.env.CURRENCY };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer)); // breakpoint here
  })
  .listen(8080);
`;

const workbench = new Workbench();
const folder = path.join(workbench.folder, "node-cart");
const file = path.join(folder, "server.js");
before(async () => {
  const node = { type: "node", request: "launch", program: "${workspaceFolder}/server.js" };
  const target = { namespace: "shop", service: "cart" };
  fs.mkdirSync(path.join(folder, ".vscode"), { recursive: true });
  fs.writeFileSync(file, program);
  fs.writeFileSync(
    path.join(folder, ".vscode", "launch.json"),
    JSON.stringify({
      version: "0.2.0",
      configurations: [
        { ...node, name: "Launch" },
        { type: "kubetunnel", request: "launch", name: "By name", target, debug: "Launch" },
        { ...node, name: "By a block", kubetunnel: target },
      ],
    }),
  );
  await workbench.start();
});
after(() => workbench.end());

for (const name of ["By name", "By a block"])
  workbench.scene(`Node in launcher mode, ${name.toLowerCase()}`, async () => {
    const window = await workbench.open(folder);
    const { page } = window;
    const before_ = fs.readFileSync(path.join(folder, ".vscode", "launch.json"), "utf8");
    await window.openFile("server.js");
    await window.breakpoint(lineOf(file, "// breakpoint here"));
    await window.debug(name, "server.js");
    await window.state("live");
    const answer = callHere("http://cart/cart/ann");
    answer.catch(() => undefined);
    await window.stopped();
    const variable = page.locator(".debug-variables .monaco-list-row", { hasText: "answer" }).first();
    await variable.waitFor();
    await window.picture(`node-${name.replaceAll(" ", "-").toLowerCase()}`);
    await page.keyboard.press("F5");
    const got = await answer;
    assert.equal((got as { currency?: string }).currency, "EUR", "the pod's environment");
    await window.stop();
    await restored("cart");
    await nothingLeft();
    assert.equal(fs.readFileSync(path.join(folder, ".vscode", "launch.json"), "utf8"), before_);
  });

workbench.scene("Node is stopped by Shift+F5 while it starts: the session is over, nothing is left, and it can start anew", async () => {
  const window = await workbench.open(folder);
  await window.openFile("server.js");
  await within("cut", () => window.stopsWhileItStarts("By name", "Looking at the Service"));
  await restored("cart");
  await nothingLeft();
  await window.debug("By name", "server.js");
  await window.state("live");
  await callHere("http://cart/cart/ann");
  await window.stop();
  await restored("cart");
  await nothingLeft();
}, { own: true });

workbench.scene("a workspace of several folders: a configuration means its own folder", async () => {
  const names = ["one", "two"];
  for (const name of names) {
    const own = path.join(workbench.folder, "several", name);
    fs.mkdirSync(path.join(own, ".vscode"), { recursive: true });
    fs.writeFileSync(path.join(own, "server.js"), program.replace("process.env.CURRENCY", JSON.stringify(name)));
    const configuration = { type: "kubetunnel", request: "launch", name: `Debug ${name}`, target: { namespace: "shop", service: "cart" }, debug: { type: "node", request: "launch", program: "${workspaceFolder}/server.js" } };
    fs.writeFileSync(path.join(own, ".vscode", "launch.json"), JSON.stringify({ version: "0.2.0", configurations: [configuration] }));
  }
  const workspace = path.join(workbench.folder, "several", "shop.code-workspace");
  fs.writeFileSync(workspace, JSON.stringify({ folders: names.map((name) => ({ path: name })) }));
  const window = await workbench.open(workspace);
  await window.debug("Debug two", "two/server.js");
  await window.state("live");
  const answer = (await callHere("http://cart/cart/ann")) as { servedBy: string; currency?: string };
  assert.equal(answer.currency, "two");
  await window.stop();
  await restored("cart");
  await nothingLeft();
});
