/** What runs inside the extension host: VS Code's own API is asked what the extension gives. */
import * as assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { createRequire } from "node:module";
import * as path from "node:path";
import * as vscode from "vscode";
import type { SessionInfo } from "../../../../protocol/gen/protocol";
import type { API } from "../../src/extension";

const tests: [string, () => Promise<void>][] = [];
function test(name: string, run: () => Promise<void>): void {
  tests.push([name, run]);
}

export async function run(): Promise<void> {
  let failed = 0;
  for (const [name, play] of tests) {
    try {
      await play();
      console.log(`ok: ${name}`);
    } catch (error) {
      failed++;
      console.log(`not ok: ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  if (failed > 0) throw new Error(`${failed} of ${tests.length} failed`);
}

function folder(): vscode.WorkspaceFolder {
  const [first] = vscode.workspace.workspaceFolders ?? [];
  assert.ok(first);
  return first;
}

async function api(): Promise<API> {
  const extension = vscode.extensions.getExtension<API>("kubetunnel.kubetunnel");
  assert.ok(extension);
  return extension.activate();
}

async function until<T>(what: string, ask: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 60_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const got = await ask();
    if (got !== undefined && got !== false) return got;
  }
  throw new Error(`waited for ${what}`);
}

async function launchFile(): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.joinPath(folder().uri, ".vscode", "launch.json"));
  await vscode.window.showTextDocument(document);
  return document;
}

/** Just behind a text in a document. */
function behind(document: vscode.TextDocument, text: string): vscode.Position {
  const at = document.getText().indexOf(text);
  assert.ok(at >= 0, text);
  return document.positionAt(at + text.length);
}

async function completions(text: string): Promise<string[]> {
  const document = await launchFile();
  const list = await vscode.commands.executeCommand<vscode.CompletionList>("vscode.executeCompletionItemProvider", document.uri, behind(document, text));
  return list.items.map((i) => (typeof i.label === "string" ? i.label : i.label.label));
}

test("activation makes the parts, and starts nothing", async () => {
  const { activationMillis, serverPid } = await api();
  assert.equal(serverPid, undefined);
  // Loaded once more: VS Code does not tell how long it took.
  const load = createRequire(__filename);
  const main = path.join(vscode.extensions.getExtension("kubetunnel.kubetunnel")?.extensionPath ?? "", "dist", "extension.js");
  Reflect.deleteProperty(load.cache, main);
  const began = performance.now();
  load(main);
  console.log(`measured: activation ${Math.round(activationMillis + performance.now() - began)} ms`);
});

test("names of the cluster complete in launch.json", async () => {
  const misspelt = await completions('"service": "cr');
  for (const name of ["cart", "prices", "web", "loadgen"]) assert.ok(misspelt.includes(name), `${name} is not among ${misspelt.join(", ")}`);
  const namespaces = await completions('"namespace": "');
  assert.ok(namespaces.includes("shop"), namespaces.join(", "));
  const names = await completions('"debug": "');
  assert.ok(names.includes("Launch") && !names.includes("By name"), names.join(", "));
  const others = await completions('"context": "els');
  assert.ok(!others.includes("dev-cluster"), "in a configuration that is not ours");
});

test("the contract's words complete and explain themselves", async () => {
  const document = await launchFile();
  const hovers = await vscode.commands.executeCommand<vscode.Hover[]>("vscode.executeHoverProvider", document.uri, behind(document, '"target'));
  const text = hovers.flatMap((h) => h.contents.map((c) => (c as { value: string }).value)).join("\n");
  assert.match(text, /Service that the program stands in for/);
});

test("what preflight finds is marked, with its fix", async () => {
  const document = await launchFile();
  const found = await until("diagnostics", () => {
    const all = vscode.languages.getDiagnostics(document.uri).filter((d) => d.source === "KubeTunnel");
    return all.length >= 2 && all;
  });
  const wrong = found.find((d) => d.code === "KT1201");
  assert.ok(wrong, JSON.stringify(found));
  assert.match(document.getText(wrong.range), /"service": "crat"/);
  const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>("vscode.executeCodeActionProvider", document.uri, wrong.range);
  const fix = actions.find((a) => a.title === "Change it to cart");
  assert.ok(fix?.edit, JSON.stringify(actions));
  assert.ok(found.some((d) => d.message.includes('no configuration "Lunch"') && document.getText(d.range).includes("Lunch")));
});

test("a configuration by name: its task and its variables are VS Code's, the session is the server's", async () => {
  const { sessions } = await api();
  assert.deepEqual(sessions, []);
  const started = new Promise<vscode.DebugSession>((resolve) => {
    const listener = vscode.debug.onDidStartDebugSession((session) => {
      listener.dispose();
      resolve(session);
    });
  });
  assert.ok(await vscode.debug.startDebugging(folder(), "By name"));
  const session = await started;
  assert.equal(session.type, "kubetunnel");
  assert.equal(path.basename((session.configuration as { dlvCwd?: string }).dlvCwd ?? ""), "cart", "${config:…} was replaced, and the server has resolved the path");
  assert.equal(fs.readFileSync(path.join(folder().uri.fsPath, "noted"), "utf8"), "done\n", "preLaunchTask of the other configuration has run once");
  await until("the session to be live", async () => (await api()).sessions[0]?.state === "live");
  await vscode.debug.stopDebugging(session);
  const ended = await until("its end", async (): Promise<SessionInfo | undefined> => (await api()).sessions.find((s) => s.state === "ended"));
  assert.equal(ended.receipt?.restored, true);
});

test("questions and commands in the configuration that is named are VS Code's", async () => {
  const program = vscode.workspace.getConfiguration("shop").get<string>("program") ?? "";
  const asked: unknown[] = [];
  const commands = vscode.Disposable.from(
    vscode.commands.registerCommand("shop.root", () => path.dirname(program)),
    vscode.commands.registerCommand("shop.which", (args: { of: string }) => {
      asked.push(args);
      return args.of;
    }),
  );
  try {
    assert.ok(await vscode.debug.startDebugging(folder(), "By questions"));
    await until("the session to be live", async () => (await api()).sessions[0]?.state === "live");
    assert.deepEqual(asked, [{ of: "cart" }], "asked once");
  } finally {
    await vscode.debug.stopDebugging();
    commands.dispose();
  }
  await until("its end", async () => (await api()).sessions[0]?.state === "ended");
});

test("a compound starts what it names, each on its Service", async () => {
  const before = (await api()).sessions.length;
  const own = async (): Promise<SessionInfo[]> => (await api()).sessions.slice(0, -before || undefined);
  assert.ok(await vscode.debug.startDebugging(folder(), "Both"));
  await until("both sessions to be live", async () => {
    const live = (await own()).filter((s) => s.state === "live");
    return live.length === 2;
  });
  assert.deepEqual((await own()).map((s) => s.target.service).sort(), ["cart", "prices"]);
  await vscode.debug.stopDebugging();
  await until("their end", async () => (await own()).every((s) => s.state === "ended"));
});

test("an attach is to a program that runs in the session", async () => {
  const started = new Promise<vscode.DebugSession>((resolve) => {
    const listener = vscode.debug.onDidStartDebugSession((session) => {
      listener.dispose();
      resolve(session);
    });
  });
  const server = vscode.workspace.getConfiguration("kubetunnel").get<string>("server.path") ?? "";
  const starting = vscode.debug.startDebugging(folder(), "Attach");
  // Until there is a session to start it in.
  const program = spawn("sh", ["-c", 'until "$0" exec --session shop/cart -- "$1"; do sleep 0.2; done', server, path.join(folder().uri.fsPath, "attached")], { detached: true, stdio: "ignore" });
  try {
    assert.ok(await starting);
    const session = await started;
    assert.equal(session.configuration.request, "attach");
    await until("the session to be live", async () => (await api()).sessions[0]?.state === "live");
    const threads = await until("its threads", async () => {
      const { threads } = (await session.customRequest("threads")) as { threads: { name: string }[] };
      return threads.length > 0 && threads;
    });
    assert.ok(threads.some((t) => t.name.includes("httpd.serve")), JSON.stringify(threads));
  } finally {
    if (program.pid !== undefined) process.kill(-program.pid);
    await vscode.debug.stopDebugging();
  }
  await until("its end", async () => (await api()).sessions[0]?.state === "ended");
});

test("a block in a configuration whose own debugger is not installed here", async () => {
  const program = vscode.workspace.getConfiguration("shop").get<string>("program");
  assert.ok(await vscode.debug.startDebugging(folder(), { name: "Block", type: "go", request: "launch", program, kubetunnel: "shop/cart" }));
  await until("the session to be live", async () => (await api()).sessions[0]?.state === "live");
  await vscode.debug.stopDebugging();
  await until("its end", async () => (await api()).sessions[0]?.state === "ended");
});

test("a debugger of the editor's own attaches to the program that the session starts, which a task has built", async () => {
  assert.ok(!fs.existsSync(path.join(folder().uri.fsPath, "target")), "not built before");
  const attached = new Promise<vscode.DebugSession>((resolve) => {
    const listener = vscode.debug.onDidStartDebugSession((session) => {
      if (session.type !== "java") return;
      listener.dispose();
      resolve(session);
    });
  });
  assert.ok(await vscode.debug.startDebugging(folder(), "Java by name"));
  const { configuration, parentSession } = await attached;
  assert.equal(configuration.request, "attach");
  assert.equal(parentSession?.type, "kubetunnel");
  await until("the session to be live", async () => (await api()).sessions[0]?.state === "live");
  await vscode.debug.stopDebugging();
  await until("its end", async () => (await api()).sessions[0]?.state === "ended");
  assert.equal(vscode.debug.activeDebugSession, undefined);
});

test("a configuration that names none starts nothing, and nothing is left", async () => {
  const before = (await api()).sessions.length;
  assert.equal(await vscode.debug.startDebugging(folder(), "Unknown name"), false);
  assert.equal((await api()).sessions.length, before);
});

test("each command of the extension is there, with a title", async () => {
  const all = await vscode.commands.getCommands(true);
  const { contributes } = vscode.extensions.getExtension("kubetunnel.kubetunnel")?.packageJSON as { contributes: { commands: { command: string; title: string }[] } };
  for (const { command, title } of contributes.commands) assert.ok(all.includes(command) && title.length > 0, command);
});

test("each command of the walkthrough is there", async () => {
  const all = await vscode.commands.getCommands(true);
  const { contributes } = vscode.extensions.getExtension("kubetunnel.kubetunnel")?.packageJSON as { contributes: { walkthroughs: { steps: { description: string; media: { markdown: string } }[] }[] } };
  const steps = contributes.walkthroughs.flatMap((w) => w.steps);
  const linked = steps.flatMap((s) => [...s.description.matchAll(/\(command:([^?)]+)/g)].map((m) => m[1] ?? ""));
  assert.ok(linked.length >= steps.length);
  for (const command of linked) assert.ok(all.includes(command), command);
});
