import * as assert from "node:assert/strict";
import { test } from "node:test";
import { inlined, merged, UnknownName } from "../../src/byname";

const outer = { type: "kubetunnel", request: "launch", name: "Debug cart in cluster", target: { service: "cart" } };
const launch = { type: "go", request: "launch", name: "Launch cart", program: "${workspaceFolder}", preLaunchTask: "build", linux: { program: "/linux" }, windows: { program: "C:\\" } };

test("a configuration that is named takes the place of its name", () => {
  const got = inlined({ ...outer, debug: "Launch cart" }, [launch, { ...outer, debug: "Launch cart" }], "linux");
  assert.deepEqual(got, { ...outer, preLaunchTask: "build", debug: { type: "go", request: "launch", name: "Launch cart", program: "/linux" } });
});

test("its tasks are done for the one that names it, unless that has its own", () => {
  const got = inlined({ ...outer, preLaunchTask: "mine", debug: "Launch cart" }, [launch], "darwin");
  assert.equal(got.preLaunchTask, "mine");
  assert.deepEqual(got.debug, { type: "go", request: "launch", name: "Launch cart", program: "${workspaceFolder}" });
});

test("a block in the one that is named does not count: one session is asked for", () => {
  const got = inlined({ ...outer, debug: "Launch cart" }, [{ ...launch, kubetunnel: { service: "prices" } }], "linux");
  assert.deepEqual(got.target, outer.target);
  assert.ok(!("kubetunnel" in (got.debug as object)));
});

test("a name that is not there is told with those that are", () => {
  assert.throws(() => inlined({ ...outer, debug: "Lunch" }, [launch, outer], "linux"), (error: unknown) => error instanceof UnknownName && error.message === 'launch.json has no configuration "Lunch"; it has "Launch cart"');
});

test("a configuration can't name one of its own type, itself say", () => {
  const self = { ...outer, debug: outer.name };
  assert.throws(() => inlined(self, [self, launch], "linux"), (error: unknown) => error instanceof UnknownName && error.message === 'the configuration "Debug cart in cluster" is itself debugged in the cluster, and can\'t be what "debug" names; there are "Launch cart"');
});

test("what is given is not changed", () => {
  const given = { ...outer, debug: structuredClone(launch) };
  const before = structuredClone(given);
  inlined(given, [], "linux");
  assert.deepEqual(given, before);
});

test("configurations of all scopes count, and the closest where they have the same name", () => {
  const users = { type: "go", name: "Launch prices" };
  assert.deepEqual(merged([launch], undefined, [{ ...launch, program: "/other" }, users, null]), [launch, users]);
  assert.deepEqual(merged(undefined, "none"), []);
});
