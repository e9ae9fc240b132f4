import * as assert from "node:assert/strict";
import { test } from "node:test";
import { parsed } from "../../src/jsonc";

test("JSON is read with comments and commas at the end, as people write launch.json", () => {
  const text = `{
    // A comment, with "quotes" in it.
    "a": "no // comment", /* another,
    of two lines */ "b": ["x,]", 1, ],
    "c": "\\"}, ",
  }`;
  assert.deepEqual(parsed(text), { a: "no // comment", b: ["x,]", 1], c: '"}, ' });
});

test("what is still being written is none", () => {
  assert.equal(parsed('{"a": '), undefined);
});
