/** The contract's golden messages, as the other languages decode and encode them too. */
import * as assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import * as ts from "typescript";

const root = path.resolve(__dirname, "../../../..");
const folder = path.join(root, "protocol", "testdata", "wire");
const messages = fs.readdirSync(folder).map((name) => ({ name, type: name.split(".")[0] ?? "", text: fs.readFileSync(path.join(folder, name), "utf8").trim() }));

/** What the compiler says about a file that has this text. */
function compile(text: string): string[] {
  const name = path.join(root, "editors", "vscode", "src", "golden-messages.ts");
  const options: ts.CompilerOptions = { strict: true, noEmit: true, exactOptionalPropertyTypes: true, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16, target: ts.ScriptTarget.ES2022, types: [], skipLibCheck: true };
  const host = ts.createCompilerHost(options);
  // The file is not on the disk.
  const withFile: ts.CompilerHost = {
    ...host,
    getSourceFile: (file, ...rest) => (file === name ? ts.createSourceFile(file, text, ts.ScriptTarget.ES2022) : host.getSourceFile(file, ...rest)),
    fileExists: (file) => file === name || host.fileExists(file),
    readFile: (file) => (file === name ? text : host.readFile(file)),
  };
  return ts.getPreEmitDiagnostics(ts.createProgram([name], options, withFile)).map((d) => ts.flattenDiagnosticMessageText(d.messageText, "\n"));
}

const header = 'import type * as protocol from "../../../protocol/gen/protocol";\n';

test("each golden message is of its type: nothing lacks, nothing is too much", () => {
  assert.ok(messages.length > 30);
  const lines = messages.map(({ type, text }, i) => `export const m${i}: protocol.${type} = ${text};`);
  assert.deepEqual(compile(header + lines.join("\n")), []);
});

test("what is not of its type is found", () => {
  for (const wrong of ['protocol.SessionParams = {"id": 7}', 'protocol.SessionParams = {"id": "a", "more": 1}', "protocol.SessionInfo = {}"]) assert.notDeepEqual(compile(`${header}export const m: ${wrong};`), [], wrong);
});

test("golden messages pass the wire and come back as they were", async () => {
  const [up, down] = [new PassThrough(), new PassThrough()];
  const near = createMessageConnection(new StreamMessageReader(down), new StreamMessageWriter(up));
  const far = createMessageConnection(new StreamMessageReader(up), new StreamMessageWriter(down));
  far.onRequest("echo", (params: unknown) => params);
  near.listen();
  far.listen();
  for (const { name, text } of messages) {
    const value: unknown = JSON.parse(text);
    // JSON-RPC's parameters are objects, as all of these are.
    const back = await near.sendRequest("echo", value);
    assert.deepEqual(back, value, name);
    // Go escapes <, > and & in JSON; but for that, the bytes are the same.
    assert.equal(JSON.stringify(back), JSON.stringify(value), name);
  }
  near.dispose();
  far.dispose();
});
