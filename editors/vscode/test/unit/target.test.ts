/** Targets as people write them. */
import * as assert from "node:assert/strict";
import { test } from "node:test";
import { BadTarget, targetOf } from "../../src/target";

test("a name is a Service, with its namespace where that is said", () => {
  assert.deepEqual(targetOf("cart"), { service: "cart" });
  assert.deepEqual(targetOf("shop/cart"), { namespace: "shop", service: "cart" });
  assert.deepEqual(targetOf(undefined), { service: "" });
});

test("numbers are ports, in quotes and without", () => {
  assert.deepEqual(targetOf({ service: "cart", port: 80, localPort: "8080" }), { service: "cart", port: "80", localPort: 8080 });
});

test("a variable may stand for anything", () => {
  assert.deepEqual(targetOf("${input:service}"), { service: "${input:service}" });
  assert.deepEqual(targetOf({ service: "cart", localPort: "${config:port}" }), { service: "cart", localPort: "${config:port}" });
});

test("what the contract does not say here is the server's to judge", () => {
  assert.deepEqual(targetOf({ service: "cart", later: [1] }), { service: "cart", later: [1] });
});

for (const [written, field, words] of [
  [{ service: "cart", port: true }, "target.port", /^"port" in "kubetunnel" must be a port of the Service, by name or number, not true$/],
  [{ service: 5 }, "target.service", /^"service" in "kubetunnel" must be a Service's name, not 5$/],
  [{ service: "cart", localPort: "http" }, "target.localPort", /must be a whole number, not "http"/],
  [{ service: "cart", inherit: "no" }, "target.inherit", /must be true or false/],
  [true, "target", /^"kubetunnel" must be a Service, such as "shop\/cart"/],
  ["a/b/c", "target", /must be "service" or "namespace\/service", not "a\/b\/c"/],
  ["/cart", "target", /must be "service"/],
] as const)
  test(`${JSON.stringify(written)} is refused by the field's name`, () => assert.throws(() => targetOf(written, "kubetunnel"), (error: unknown) => error instanceof BadTarget && error.field === field && words.test(error.message)));
