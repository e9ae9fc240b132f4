/** Paths in settings. */
import * as assert from "node:assert/strict";
import { test } from "node:test";
import { expanded } from "../../src/settings";

const folders = [
  { name: "shop", path: "/src/shop" },
  { name: "ops", path: "/src/ops" },
];

for (const [written, wanted] of [
  ["", ""],
  [" /etc/kubeconfig ", "/etc/kubeconfig"],
  ["~/.kube/other", "/home/ann/.kube/other"],
  ["~", "/home/ann"],
  ["~bob/kubeconfig", "~bob/kubeconfig"],
  ["/srv/~/kubeconfig", "/srv/~/kubeconfig"],
  ["${workspaceFolder}/kubeconfig", "/src/shop/kubeconfig"],
  ["${workspaceFolder:ops}/../kubeconfig", "/src/kubeconfig"],
  ["${workspaceFolder:none}/kubeconfig", "${workspaceFolder:none}/kubeconfig"],
] as const)
  test(`${JSON.stringify(written)} is ${wanted}`, () => assert.equal(expanded(written, folders, "/home/ann"), wanted));

test("without a folder the variable stays, and is told as the path that is not there", () => {
  assert.equal(expanded("${workspaceFolder}/kubeconfig", [], "/home/ann"), "${workspaceFolder}/kubeconfig");
});
