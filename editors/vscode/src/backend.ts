/** The window's tunnel-server as the rest of the extension asks it. */
import * as path from "node:path";
import * as fs from "node:fs";
import * as vscode from "vscode";
import type { ClientMethods, ServerMethods } from "../../../protocol/gen/protocol";
import type { Request } from "./connection";
import { type Launch, Server } from "./server";
import { expanded } from "./settings";
import type { Output } from "./output";

export class Backend implements vscode.Disposable {
  private readonly server: Server;
  private readonly changed = new vscode.EventEmitter<ClientMethods["session/didChange"]["params"]>();
  private readonly wrote = new vscode.EventEmitter<ClientMethods["session/output"]["params"]>();
  private readonly progressed = new vscode.EventEmitter<ClientMethods["$/progress"]["params"]>();
  private readonly fell = new vscode.EventEmitter<{ how: string; giveUp: boolean }>();

  readonly onSession = this.changed.event;
  readonly onOutput = this.wrote.event;
  readonly onProgress = this.progressed.event;
  readonly onDied = this.fell.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    output: Output,
  ) {
    const version = (context.extension.packageJSON as { version: string }).version;
    this.server = new Server(
      () => this.launch(),
      () => ({
        clientInfo: { name: vscode.env.appName, version: vscode.version },
        workspaceFolders: (vscode.workspace.workspaceFolders ?? []).map((f) => f.uri.fsPath),
        capabilities: { workDoneProgress: true },
      }),
      {
        connected: (connection) => {
          connection.on("session/didChange", (info) => this.changed.fire(info));
          connection.on("session/output", (text) => this.wrote.fire(text));
          connection.on("$/progress", (progress) => this.progressed.fire(progress));
          connection.on("window/logMessage", (message) => output.message(message));
        },
        initialized: ({ serverInfo, capabilities: { sandbox } }) => {
          output.info(`tunnel-server ${serverInfo.version ?? ""} is up: ${this.launch().path}`);
          output.info(`sandbox: ${sandbox.mode}${sandbox.reason ? ` (${sandbox.reason})` : ""}`);
          if (configuredPath() && serverInfo.version && release(serverInfo.version) !== version)
            void vscode.window.showWarningMessage(
              `The setting kubetunnel.server.path names a tunnel-server ${serverInfo.version}; this extension comes with ${version}. They understand each other, but may not have the same features.`,
            );
        },
        died: (how, giveUp) => {
          output.error(`tunnel-server ${how}`);
          this.fell.fire({ how, giveUp });
        },
        log: (line) => output.info(line),
      },
    );
  }

  get pid(): number | undefined {
    return this.server.pid;
  }

  async request<M extends Request>(method: M, params: ServerMethods[M]["params"], token?: vscode.CancellationToken): Promise<ServerMethods[M]["result"]> {
    const connection = await this.server.connection();
    return connection.request(method, params, token);
  }

  /** The server that a setting names, or the one that came with the extension. */
  private launch(): Launch {
    const name = process.platform === "win32" ? "tunnel-server.exe" : "tunnel-server";
    const own = this.context.asAbsolutePath(path.join("bin", name));
    const server = configuredPath() || own;
    if (path.isAbsolute(server) && !fs.existsSync(server))
      throw new Error(`There is no tunnel-server at ${server}${server === own ? ", where this extension should have it: it was packaged for another system. Name one in the setting kubetunnel.server.path." : ", where the setting kubetunnel.server.path says."}`);
    const kubeconfig = configuredFile("kubeconfig");
    const cwd = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    return { path: server, ...(cwd ? { cwd } : {}), ...(kubeconfig ? { kubeconfig } : {}) };
  }

  /** Ends the server and its sessions; the next question starts one by the settings as they are then. */
  restart(): Promise<void> {
    return this.server.restart();
  }

  end(): Promise<void> {
    return this.server.end();
  }

  dispose(): void {
    for (const emitter of [this.changed, this.wrote, this.progressed, this.fell]) emitter.dispose();
  }
}

function configuredPath(): string {
  return configuredFile("server.path");
}

function configuredFile(setting: string): string {
  const folders = vscode.workspace.workspaceFolders?.map((f) => ({ name: f.name, path: f.uri.fsPath })) ?? [];
  return expanded(vscode.workspace.getConfiguration("kubetunnel").get<string>(setting) ?? "", folders);
}

/** A version without what tells a build from a release. */
function release(version: string): string {
  return version.replace(/^v/, "").replace(/-.*$/, "");
}
