/** The server's process: started lazily, once, again after a death, and ended in an orderly way. */
import * as assert from "node:assert/strict";
import * as path from "node:path";
import * as fs from "node:fs";
import * as os from "node:os";
import { once } from "node:events";
import { EventEmitter } from "node:events";
import { afterEach, test } from "node:test";
import { ServerError, ServerGone } from "../../src/servererror";
import { Server, type ServerEvents } from "../../src/server";

/** A server that knows the handshake alone; "crash" makes it die, and "refuse" say no. */
const program = `
const rpc = require(${JSON.stringify(require.resolve("vscode-jsonrpc/node"))});
const c = rpc.createMessageConnection(new rpc.StreamMessageReader(process.stdin), new rpc.StreamMessageWriter(process.stdout));
c.onRequest("initialize", (p) => { if (process.env.KT_REFUSE) throw new rpc.ResponseError(-32602, "too old", { showUser: true }); return { protocolVersion: p.protocolVersion, serverInfo: { name: "fake" }, capabilities: { adapters: [], sandbox: { mode: "loopback" } } }; });
c.onNotification("initialized", () => console.error("hello"));
c.onRequest("session/list", () => ({ sessions: [] }));
c.onRequest("session/stop", () => { throw new rpc.ResponseError(1801, "there is no session", { showUser: true, fix: { title: "Look" } }); });
c.onRequest("session/restart", () => process.kill(process.pid, "SIGKILL"));
c.onRequest("shutdown", () => ({}));
c.onNotification("exit", () => process.exit(0));
c.onClose(() => process.exit(1));
c.listen();
`;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "kubetunnel-unit-"));
const script = path.join(folder, "server.js");
fs.writeFileSync(script, program);
process.on("exit", () => fs.rmSync(folder, { recursive: true }));

class Heard extends EventEmitter implements ServerEvents {
  initializations = 0;
  readonly lines: string[] = [];
  readonly deaths: { how: string; giveUp: boolean }[] = [];

  connected(): void {
    this.emit("connected");
  }
  initialized(): void {
    this.initializations++;
    this.emit("initialized");
  }
  died(how: string, giveUp: boolean): void {
    this.deaths.push({ how, giveUp });
    this.emit("died");
  }
  log(line: string): void {
    this.lines.push(line);
    this.emit("line");
  }
}

const running: Server[] = [];
function make(file = process.execPath, args = [script]): { server: Server; heard: Heard } {
  const heard = new Heard();
  const server = new Server(() => ({ path: file, args }), () => ({ clientInfo: { name: "test" }, capabilities: {} }), heard);
  running.push(server);
  return { server, heard };
}
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.end()));
});

test("it is started when it is first needed, and once", async () => {
  const { server, heard } = make();
  assert.equal(server.pid, undefined);
  const [one, two] = await Promise.all([server.connection(), server.connection()]);
  assert.equal(one, two);
  assert.deepEqual(await one.request("session/list", {}), { sessions: [] });
  assert.equal(heard.initializations, 1);
  while (!heard.lines.includes("hello")) await once(heard, "line");
});

test("an error comes with its number, its words and what to do", async () => {
  const { server } = make();
  const connection = await server.connection();
  await assert.rejects(connection.request("session/stop", { id: "a" }), (error: unknown) => error instanceof ServerError && error.shown === "KT1801: there is no session" && error.data.fix?.title === "Look");
});

test("one that dies is started again, and what was asked fails", async () => {
  const { server, heard } = make();
  const connection = await server.connection();
  const first = server.pid;
  const [one, two] = [connection.request("session/restart", { id: "a" }), connection.request("session/restart", { id: "b" })];
  const gone = (error: unknown): boolean => error instanceof ServerGone && error.message === "tunnel-server was ended by SIGKILL before it had answered" && heard.deaths.length === 1;
  await Promise.all([assert.rejects(one, gone), assert.rejects(two, gone)]);
  await assert.rejects(connection.request("session/list", {}), gone, "what is asked of it later fails alike");
  if (heard.deaths.length === 0) await once(heard, "died");
  assert.deepEqual(heard.deaths, [{ how: "was ended by SIGKILL", giveUp: false }]);
  if (heard.initializations < 2) await once(heard, "initialized");
  assert.notEqual(server.pid, first);
  assert.deepEqual(await (await server.connection()).request("session/list", {}), { sessions: [] });
});

test("one that can't be started is told with its path", async () => {
  const { server } = make("/nonexistent/tunnel-server", []);
  await assert.rejects(server.connection(), /tunnel-server \(\/nonexistent\/tunnel-server\) can't be started/);
});

test("what keeps it from being started is told each time, until it is mended", async () => {
  const heard = new Heard();
  let wrong = true;
  const server = new Server(
    () => {
      if (wrong) throw new Error("no such file");
      return { path: process.execPath, args: [script] };
    },
    () => ({ clientInfo: { name: "test" }, capabilities: {} }),
    heard,
  );
  running.push(server);
  await assert.rejects(server.connection(), /no such file/);
  wrong = false;
  assert.deepEqual(await (await server.connection()).request("session/list", {}), { sessions: [] });
});

test("one that refuses is told, and asked again only when it is needed", async () => {
  process.env.KT_REFUSE = "1";
  const { server, heard } = make();
  try {
    await assert.rejects(server.connection(), (error: unknown) => error instanceof ServerError && error.message === "too old");
  } finally {
    delete process.env.KT_REFUSE;
  }
  assert.equal(heard.initializations, 0);
  await server.connection();
});

test("one that is only about to start is not started when the window closes", async () => {
  const { server, heard } = make();
  const starting = server.connection();
  await server.end();
  await assert.rejects(starting, /closing/);
  assert.equal(server.pid, undefined);
  assert.equal(heard.initializations, 0);
});

test("one that is to be started anew is ended, and the next question starts another by what holds then", async () => {
  const heard = new Heard();
  let launches = 0;
  const server = new Server(
    () => {
      launches++;
      return { path: process.execPath, args: [script] };
    },
    () => ({ clientInfo: { name: "test" }, capabilities: {} }),
    heard,
  );
  running.push(server);
  await server.restart();
  assert.equal(launches, 0, "none is started for it");
  await server.connection();
  const first = server.pid ?? 0;
  const over = server.restart();
  const meanwhile = server.connection();
  await over;
  assert.throws(() => process.kill(first, 0));
  assert.deepEqual(await (await meanwhile).request("session/list", {}), { sessions: [] });
  assert.equal(launches, 2);
  assert.deepEqual(heard.deaths, []);
});

test("one that is about to start when it is to be started anew is ended, too", async () => {
  const { server, heard } = make();
  const starting = server.connection();
  await server.restart();
  await starting;
  assert.equal(server.pid, undefined);
  assert.deepEqual(heard.deaths, []);
  await server.connection();
  assert.equal(heard.initializations, 2);
});

test("it ends with the window, and is not started again", async () => {
  const { server, heard } = make();
  await server.connection();
  const pid = server.pid ?? 0;
  await server.end();
  assert.throws(() => process.kill(pid, 0));
  assert.deepEqual(heard.deaths, []);
  await assert.rejects(server.connection(), /closing/);
});
