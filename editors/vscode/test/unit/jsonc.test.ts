import * as assert from "node:assert/strict";
import { test } from "node:test";
import { edited, located, parsed, pathAt } from "../../src/jsonc";

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

/** A launch.json with marks: the text without them, and where they were. */
function marked(text: string): { text: string; at: number[] } {
  const at: number[] = [];
  const plain = text.split("‸").reduce((before, after) => {
    at.push(before.length);
    return before + after;
  });
  return { text: plain, at };
}

test("where in a text something is written, also while it is not finished", () => {
  const { text, at } = marked('{ // {\n "version": "0.2.0", "configurations": [ { "name": "a, {b" }, { "type": "x", "target": { "service": "c‸" "port": ‸ }, ‸');
  assert.deepEqual(
    at.map((offset) => pathAt(text, offset)),
    [["configurations", 1, "target"], ["configurations", 1, "target"], ["configurations", 1]],
  );
  assert.deepEqual(pathAt("", 0), []);
});

test("a value is found by the way to it, also in an object that is not finished", () => {
  const text = '{ "configurations": [ 1, { "target": { "service": "cart" "port": } /* , */, "type": "kubetunnel"';
  const slice = (...path: (string | number)[]): string | undefined => {
    const found = located(text, path);
    return found && text.slice(found.start, found.end);
  };
  assert.equal(slice("configurations", 0), "1");
  assert.equal(slice("configurations", 1, "target", "service"), '"cart"');
  assert.equal(slice("configurations", 1, "type"), '"kubetunnel"');
  assert.equal(slice("configurations", 1, "target", "port"), undefined);
  assert.equal(slice("configurations", 2), undefined);
});

for (const [name, before, path, after] of [
  ["a value is replaced alone", '{ "target": { "service": "crat", "port": "1" } }', ["target", "service"], '{ "target": { "service": "cart", "port": "1" } }'],
  ["what is not there is added", '{\n  "target": {\n    "service": "cart"\n  }\n}', ["target", "port"], '{\n  "target": {\n    "port": "cart",\n    "service": "cart"\n  }\n}'],
  ["what is not there is added to nothing", '{ "target": {} }', ["target", "service"], '{ "target": { "service": "cart" } }'],
  ["a text has no place for a field", '{ "target": "crat" }', ["target", "service"], undefined],
  ["what is not there has no place for one either", '{ "name": "Debug" }', ["target", "service"], undefined],
] as const)
  test(name, () => {
    const change = edited(before, [...path], "cart");
    const text = change && before.slice(0, change.start) + change.text + before.slice(change.end);
    assert.equal(text, after);
    if (text !== undefined) assert.ok(parsed(text), text);
  });
