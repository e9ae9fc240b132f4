import * as assert from "node:assert/strict";
import { test } from "node:test";
import { outerOf } from "../../src/again";

const target = { namespace: "shop", service: "cart" };
const launch = { type: "go", request: "launch", name: "Launch cart", program: "/shop/cart", env: { A: "b" } };
const window = { preLaunchTask: "build", postDebugTask: "clean", noDebug: true, presentation: { group: "shop" }, serverReadyAction: { action: "openExternally" } };
const face = { type: "kubetunnel", request: "launch", name: "Debug cart in cluster" };

test("what is debugged again has its tasks, noDebug and presentation", () => {
  const ours = { target, launch, mode: "proxy" };
  const resolved = structuredClone({ ...launch, ...window, ...face, kubetunnel: ours, __sessionId: "7", __configurationTarget: 6 });
  assert.deepEqual(outerOf(resolved, ours), { ...window, ...face, target, debug: launch });
});

test("where the debugger is the editor's too", () => {
  const ours = { target, launch, mode: "launcher" };
  assert.deepEqual(outerOf({ ...window, ...face, request: "launch", kubetunnel: ours }, ours), { ...window, ...face, target, debug: launch });
});
