import * as assert from "node:assert/strict";
import { test } from "node:test";
import { age, bytes, receiptLines, span, stageText, stageTimes, stageTook, targetName } from "../../src/words";

test("numbers are put so that people read them", () => {
  assert.deepEqual([0, 59, 60, 3600, 90_000, 200_000].map(age), ["0 s", "59 s", "1 min", "1 h", "1 day", "2 days"]);
  assert.deepEqual([0, 1023, 1024, 1 << 20, 3 * 2 ** 40].map(bytes), ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "3072.0 GiB"]);
  assert.deepEqual([0, 999, 1000, 61_249].map(span), ["0 ms", "999 ms", "1.0 s", "61.2 s"]);
  assert.equal(targetName({ service: "cart" }), "cart");
  assert.equal(targetName({ service: "cart", namespace: "shop" }), "shop/cart");
});

test("a stage is told while it lasts, and when it is over", () => {
  const lasts = { stage: "agent", beganMillis: 60 } as const;
  assert.deepEqual([stageText(lasts), stageTook(lasts), stageTimes(lasts)], ["Waiting for the agent", "", "since 60 ms"]);
  const over = { ...lasts, endedMillis: 1460 };
  assert.deepEqual([stageText(over), stageTook(over), stageTimes(over)], ["The agent is there", "1.4 s", "1.4 s, at 60 ms"]);
});

test("a receipt tells how the Service was left", () => {
  const traffic = { connections: 1, origin: 0, requests: 2, active: 0, bytesIn: 10, bytesOut: 2048 };
  assert.deepEqual(receiptLines({ restored: true, traffic, cut: 0, stopMillis: 3 }), [
    "the Service is as it was before; the origin took calls again after 3 ms",
    "served here: 1 connection, 2 requests, 10 B in, 2.0 KiB out; by the origin meanwhile: 0 connections",
  ]);
  const bad = receiptLines({ restored: false, differences: ["spec.selector was changed by helm"], traffic, cut: 1, stopMillis: 3 });
  assert.deepEqual([bad[0], bad[1], bad.at(-1)], ["the Service is not as it was before:", "- spec.selector was changed by helm", "1 connection had to be closed at the end"]);
});
