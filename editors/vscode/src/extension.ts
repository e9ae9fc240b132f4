/** Activation: makes the parts and joins them. Nothing is started, and nothing read, before it is needed. */
import * as vscode from "vscode";
import type { SessionInfo, Target } from "../../../protocol/gen/protocol";
import { AdapterFactory } from "./adapter";
import { Backend } from "./backend";
import { Completion } from "./completion";
import { BlockProvider, ConfigurationProvider, debugType, launchConfigurations } from "./configuration";
import { Diagnostics, fixCommands } from "./diagnostics";
import { Output } from "./output";
import { pickDebug } from "./pick";
import { Problems } from "./problems";
import { followSettings } from "./restart";
import { Sessions } from "./sessions";
import { showSession, Status } from "./status";
import { stateIcons, stateWords, targetName } from "./words";
import { type ClusterNode, ClusterTree, type SessionNode, SessionTree } from "./view";

/** What other extensions, and tests, may ask. */
export interface API {
  readonly sessions: readonly SessionInfo[];
  readonly serverPid: number | undefined;
  /** What it took to make the parts. */
  readonly activationMillis: number;
}

let backend: Backend | undefined;

export function activate(context: vscode.ExtensionContext): API {
  const began = performance.now();
  const output = new Output();
  const server = new Backend(context, output);
  backend = server;
  const problems = new Problems(server, output);
  const sessions = new Sessions(server, output, problems);
  const cluster = new ClusterTree(server);
  const own = new SessionTree(sessions);
  const clusterView = vscode.window.createTreeView("kubetunnel.cluster", { treeDataProvider: cluster, showCollapseAll: true });
  const { Initial, Dynamic } = vscode.DebugConfigurationProviderTriggerKind;
  context.subscriptions.push(
    output,
    server,
    sessions,
    cluster,
    own,
    clusterView,
    cluster.follow(clusterView),
    vscode.window.createTreeView("kubetunnel.sessions", { treeDataProvider: own }),
    new Status(sessions),
    new Diagnostics(server),
    new Completion(server).register(),
    fixCommands(),
    followSettings(server, sessions, () => cluster.refresh()),
    vscode.debug.registerDebugConfigurationProvider(debugType, new ConfigurationProvider(server, problems, "initial"), Initial),
    vscode.debug.registerDebugConfigurationProvider(debugType, new ConfigurationProvider(server, problems, "dynamic"), Dynamic),
    vscode.debug.registerDebugConfigurationProvider("*", new BlockProvider(server, problems)),
    vscode.debug.registerDebugAdapterDescriptorFactory(debugType, new AdapterFactory(sessions, problems)),
    ...commands(server, output, problems, sessions, cluster),
  );
  const activationMillis = performance.now() - began;
  return {
    activationMillis,
    get sessions() {
      return sessions.all;
    },
    get serverPid() {
      return server.pid;
    },
  };
}

function commands(server: Backend, output: Output, problems: Problems, sessions: Sessions, cluster: ClusterTree): vscode.Disposable[] {
  const command = (name: string, run: (argument: unknown) => unknown): vscode.Disposable => vscode.commands.registerCommand(`kubetunnel.${name}`, run);
  return [
    command("debug", () => vscode.debug.startDebugging(openFolder(), { type: debugType, request: "launch", name: "" })),
    command("debugService", (node) => debugService(server, problems, node as ClusterNode | undefined)),
    command("stopIntercept", (node) => stopIntercept(server, problems, sessions, cluster, node as ClusterNode | SessionNode | undefined)),
    command("showSession", (id) => showSession(sessions, typeof id === "string" ? id : undefined)),
    command("showLog", () => output.show()),
    command("refresh", () => cluster.refresh()),
    command("installOperator", (context) => problems.install(contextOf(context))),
  ];
}

function contextOf(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument;
  const node = argument as ClusterNode | undefined;
  return node?.kind === "context" ? node.context.name : undefined;
}

/** The folder of the file that is open, or the first. */
function openFolder(): vscode.WorkspaceFolder | undefined {
  const file = vscode.window.activeTextEditor?.document.uri;
  return (file && vscode.workspace.getWorkspaceFolder(file)) ?? vscode.workspace.workspaceFolders?.[0];
}

async function debugService(server: Backend, problems: Problems, node: ClusterNode | undefined): Promise<void> {
  const folder = openFolder();
  if (node?.kind !== "service") {
    await vscode.commands.executeCommand("kubetunnel.debug");
    return;
  }
  const { context, service } = node;
  const target: Target = { ...(context.current ? {} : { context: context.name }), namespace: service.namespace, service: service.name };
  await problems.guard(async () => {
    const picked = await pickDebug(server, target, folder, launchConfigurations(folder));
    if (picked) await vscode.debug.startDebugging(folder, { type: debugType, request: "launch", name: `Debug ${service.name} in cluster`, target, debug: picked.debug });
  }, target.context);
}

async function stopIntercept(server: Backend, problems: Problems, sessions: Sessions, cluster: ClusterTree, node: ClusterNode | SessionNode | undefined): Promise<void> {
  if (!node || node.kind === "session") {
    const id = node ? node.info.id : await pickRunning(sessions);
    if (id !== undefined) await sessions.stop(id);
    return;
  }
  if (node.kind !== "service") return;
  const { name, namespace, intercept } = node.service;
  const own = sessions.running.find((s) => s.intercept !== undefined && s.intercept === intercept?.name);
  if (own) return sessions.stop(own.id);
  await problems.guard(() => server.request("cluster/endIntercept", { context: node.context.name, namespace, service: name }), node.context.name);
  cluster.refresh();
}

/** The session that runs, or the one of several that the user means. */
async function pickRunning({ running }: Sessions): Promise<string | undefined> {
  if (running.length === 0) void vscode.window.showInformationMessage("No session of this window is in the cluster.");
  if (running.length < 2) return running[0]?.id;
  const items = running.map((info) => ({ label: `$(${stateIcons[info.state]}) ${targetName(info.target)}`, description: stateWords[info.state], id: info.id }));
  return (await vscode.window.showQuickPick(items, { title: "Stop Intercept: of which Service?" }))?.id;
}

export async function deactivate(): Promise<void> {
  await backend?.end();
}
