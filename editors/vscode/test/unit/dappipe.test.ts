/** Messages pass a debugger's pipe in pieces, and many at once. */
import * as assert from "node:assert/strict";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { after, test } from "node:test";
import { openPipe } from "../../src/dappipe";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubetunnel-pipe-"));
after(() => fs.rmSync(folder, { recursive: true }));

/** A debugger's end of a pipe. */
async function debuggerAt(name: string): Promise<{ address: string; socket: Promise<net.Socket>; end: () => void }> {
  const address = process.platform === "win32" ? `\\\\.\\pipe\\${path.basename(folder)}-${name}` : path.join(folder, name);
  const server = net.createServer();
  const socket = once(server, "connection").then(([s]) => s as net.Socket);
  server.listen(address);
  await once(server, "listening");
  return { address, socket, end: () => server.close() };
}

function framed(message: object): Buffer {
  const content = Buffer.from(JSON.stringify(message));
  return Buffer.concat([Buffer.from(`Content-Length: ${content.length}\r\n\r\n`), content]);
}

test("what comes byte by byte is whole, also where a letter has several; and its end is told", async () => {
  const { address, socket, end } = await debuggerAt("pieces");
  const messages = [{ seq: 1, type: "event", event: "output", body: { output: "Grüße, 世界 🚇" } }, { seq: 2, type: "event", event: "terminated" }];
  const got: object[] = [];
  const closed = new Promise<void>((resolve) => {
    void openPipe(address, (message) => got.push(message), resolve);
  });
  const far = await socket;
  far.setNoDelay(true);
  const [first, ...rest] = messages.map(framed);
  for (const byte of first ?? []) await new Promise((resolve) => far.write(Buffer.of(byte), resolve));
  far.end(Buffer.concat(rest));
  await closed;
  assert.deepEqual(got, messages);
  end();
});

test("what is sent arrives in its order, framed by its bytes", async () => {
  const { address, socket, end } = await debuggerAt("order");
  const pipe = await openPipe(address, () => undefined, () => undefined);
  const messages = Array.from({ length: 100 }, (_, seq) => ({ seq, type: "request", command: "évaluer", arguments: { text: "ü".repeat(seq * 100) } }));
  const far = await socket;
  const chunks: Buffer[] = [];
  far.on("data", (chunk) => chunks.push(chunk));
  const whole = Buffer.concat(messages.map(framed));
  for (const message of messages) pipe.send(message);
  while (chunks.reduce((n, c) => n + c.length, 0) < whole.length) await once(far, "data");
  assert.ok(Buffer.concat(chunks).equals(whole));
  pipe.end();
  await once(far, "end");
  far.end();
  end();
});

test("a debugger that isn't there is an error", async () => {
  await assert.rejects(openPipe(path.join(folder, "nobody"), () => undefined, () => undefined));
});
