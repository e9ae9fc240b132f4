/** The KubeTunnel view: this window's sessions, and contexts → namespaces → Services with who debugs them. */
import * as vscode from "vscode";
import type { KubeContext, Service, SessionInfo } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { ServerError } from "./servererror";
import { shown } from "./problems";
import { Follower, type Listed } from "./follower";
import type { Sessions } from "./sessions";
import { age, isOver, stageText, stageTimes, stageTook, stateIcons, stateWords, targetName } from "./words";

export type ClusterNode = { kind: "context"; context: KubeContext } | { kind: "namespace"; context: KubeContext; namespace: string } | { kind: "service"; context: KubeContext; service: Service } | { kind: "problem"; text: string };

// Items have no id: VS Code refuses a second one of the same id, and asks for an item's
// children twice when it changes while they are on their way.

type ContextNode = Extract<ClusterNode, { kind: "context" }>;
type NamespaceNode = Extract<ClusterNode, { kind: "namespace" }>;

/** What has children, undefined for the tree itself. */
type Parent = ContextNode | NamespaceNode | undefined;

interface Followed {
  node: Parent;
  children: Follower<ClusterNode>;
}

export class ClusterTree implements vscode.TreeDataProvider<ClusterNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ClusterNode | undefined>();
  /** What was opened, by key, and of this what was closed again: VS Code keeps its children, and does not ask for them again. */
  private readonly opened = new Map<string, Followed>();
  private readonly closed = new Set<string>();
  private visible = false;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly backend: Backend) {}

  /** Follows the view: only what somebody looks at is asked for. */
  follow(view: vscode.TreeView<ClusterNode>): vscode.Disposable {
    const look = (): void => {
      this.visible = view.visible;
      this.look();
    };
    look();
    return vscode.Disposable.from(
      view.onDidChangeVisibility(look),
      view.onDidCollapseElement(({ element }) => {
        if (isParent(element)) this.closed.add(keyOf(element));
        this.look();
      }),
      view.onDidExpandElement(({ element }) => {
        if (isParent(element)) this.closed.delete(keyOf(element));
        this.look();
      }),
    );
  }

  private look(): void {
    for (const { node, children } of this.opened.values()) {
      const hidden = node && (this.closed.has(keyOf(node)) || this.closed.has(keyOf({ kind: "context", context: node.context })));
      children.look(this.visible && !hidden);
    }
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  private forget(which: (node: Parent) => boolean): void {
    for (const [key, { node, children }] of this.opened) {
      if (!which(node)) continue;
      children.dispose();
      this.opened.delete(key);
      this.closed.delete(key);
    }
  }

  /** The children of a node, which are followed from then on. Those of what is not there any more are not. */
  private async followed(node: Parent): Promise<ClusterNode[]> {
    const key = keyOf(node);
    let followed = this.opened.get(key);
    if (!followed) {
      const at: Followed = { node, children: new Follower((unless, token) => this.ask(at.node, unless, token), () => this.changed.fire(at.node)) };
      followed = at;
      this.opened.set(key, followed);
    }
    followed.node = node; // the one that VS Code knows
    try {
      const nodes = await followed.children.items();
      this.forget((other) => isGone(other, node, nodes));
      return nodes;
    } finally {
      this.look();
    }
  }

  /** Asks for the children of a node, other than those of a revision. */
  private async ask(node: Parent, unless: string | undefined, token?: vscode.CancellationToken): Promise<Listed<ClusterNode>> {
    const other = unless ? { unless } : {};
    if (!node) {
      const { contexts, revision } = await this.backend.request("cluster/contexts", other, token);
      return { items: contexts.sort((a, b) => Number(b.current) - Number(a.current)).map((context) => ({ kind: "context", context })), revision };
    }
    if (node.kind === "context") {
      const { context } = node;
      const { namespaces, revision } = await this.backend.request("cluster/namespaces", { context: context.name, ...other }, token);
      const own = context.namespace;
      return { items: namespaces.sort((a, b) => Number(b === own) - Number(a === own)).map((namespace) => ({ kind: "namespace", context, namespace })), revision };
    }
    const { context, namespace } = node;
    const { services, revision } = await this.backend.request("cluster/services", { context: context.name, namespace, ...other }, token);
    const items: ClusterNode[] = services.map((service) => ({ kind: "service", context, service }));
    return { items: items.length > 0 ? items : [{ kind: "problem", text: "no Services" }], revision };
  }

  async getChildren(node?: ClusterNode): Promise<ClusterNode[]> {
    if (node && !isParent(node)) return [];
    try {
      return await this.followed(node);
    } catch (error) {
      return [{ kind: "problem", text: error instanceof ServerError ? shown({ code: error.code, message: error.message }) : String(error) }];
    }
  }

  getTreeItem(node: ClusterNode): vscode.TreeItem {
    switch (node.kind) {
      case "context":
        return contextItem(node.context);
      case "namespace":
        return namespaceItem(node.context, node.namespace);
      case "service":
        return serviceItem(node.service);
      case "problem": {
        const item = new vscode.TreeItem(node.text);
        item.tooltip = node.text;
        item.iconPath = new vscode.ThemeIcon("info");
        return item;
      }
    }
  }

  dispose(): void {
    this.forget(() => true);
    this.changed.dispose();
  }
}

function isParent(node: ClusterNode): node is ContextNode | NamespaceNode {
  return node.kind === "context" || node.kind === "namespace";
}

function keyOf(node: Parent): string {
  if (!node) return "";
  return JSON.stringify(node.kind === "context" ? [node.context.name] : [node.context.name, node.namespace]);
}

/** Whether a node has gone, with all below it: it is not among a parent's children any more. */
function isGone(node: Parent, parent: Parent, children: ClusterNode[]): boolean {
  if (!node) return false;
  if (!parent) return !children.some((child) => child.kind === "context" && child.context.name === node.context.name);
  return parent.kind === "context" && node.kind === "namespace" && node.context.name === parent.context.name && !children.some((child) => isParent(child) && keyOf(child) === keyOf(node));
}

function contextItem(context: KubeContext): vscode.TreeItem {
  const item = new vscode.TreeItem(context.name, context.current ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed);
  item.description = context.current ? "current" : "";
  item.tooltip = `${context.user} at ${context.cluster}`;
  item.iconPath = new vscode.ThemeIcon("server-environment");
  item.contextValue = "context";
  item.accessibilityInformation = { label: `Context ${context.name}${context.current ? ", current" : ""}` };
  return item;
}

function namespaceItem(context: KubeContext, namespace: string): vscode.TreeItem {
  const own = context.current && context.namespace === namespace;
  const item = new vscode.TreeItem(namespace, own ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed);
  item.iconPath = new vscode.ThemeIcon("symbol-namespace");
  item.contextValue = "namespace";
  item.accessibilityInformation = { label: `Namespace ${namespace}` };
  return item;
}

function serviceItem(service: Service): vscode.TreeItem {
  const item = new vscode.TreeItem(service.name);
  const by = service.intercept;
  const ports = service.ports.map((p) => p.port).join(", ");
  const who = by && (by.mine ? "you" : `${by.user}${by.host ? ` on ${by.host}` : ""}`);
  const since = by && new Date(by.since).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  item.description = by ? `${who ?? ""}, ${by.state.toLowerCase()} since ${since ?? ""}` : ports;
  item.iconPath = by ? new vscode.ThemeIcon("plug", new vscode.ThemeColor(by.mine ? "charts.green" : "charts.orange")) : new vscode.ThemeIcon(service.notInterceptable ? "circle-slash" : "symbol-interface");
  const text = new vscode.MarkdownString();
  text.appendText(`${service.type} ${service.namespace}/${service.name}\n\n`);
  for (const p of service.ports) text.appendText(`${p.name ?? ""} ${p.port}/${p.protocol} → ${p.targetPort}${p.resolvedPort ? ` (${p.resolvedPort})` : ""}\n\n`);
  if (service.workload) text.appendText(`${service.workload.kind} ${service.workload.name}: ${service.workload.ready} of ${service.workload.total} ready\n\n${service.workload.image}\n\n`);
  if (by) text.appendText(`Intercept ${by.name} of ${by.user}${by.host ? ` on ${by.host}` : ""}: ${by.state}, for ${age(by.ageSeconds ?? 0)}\n\n`);
  if (service.notInterceptable) text.appendText(service.notInterceptable);
  item.tooltip = text;
  item.contextValue = by?.mine ? "service.mine" : service.notInterceptable ? "service.closed" : "service";
  item.accessibilityInformation = { label: `Service ${service.name}, ${by ? `debugged by ${who ?? ""}` : service.notInterceptable ? service.notInterceptable : `ports ${ports}`}` };
  return item;
}

export type SessionNode = { kind: "session"; info: SessionInfo } | { kind: "line"; label: string; description: string; tooltip: string; icon: string };

/** This window's sessions, each with its stages. */
export class SessionTree implements vscode.TreeDataProvider<SessionNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly listener: vscode.Disposable;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly sessions: Sessions) {
    this.listener = sessions.onDidChange(() => this.changed.fire(undefined));
  }

  getChildren(node?: SessionNode): SessionNode[] {
    if (!node) return this.sessions.all.slice(0, 20).map((info) => ({ kind: "session", info }));
    if (node.kind !== "session") return [];
    const { info } = node;
    return [
      ...(info.reason ? [{ kind: "line", label: info.reason, description: "", tooltip: "", icon: info.state === "failed" ? "error" : "info" } as const] : []),
      ...(info.warnings ?? []).map((w) => ({ kind: "line", label: w, description: "", tooltip: "", icon: "warning" }) as const),
      ...(info.stages ?? []).map((s) => ({ kind: "line", label: stageText(s), description: stageTook(s), tooltip: stageTimes(s), icon: s.endedMillis ? "check" : "loading~spin" }) as const),
    ];
  }

  getTreeItem(node: SessionNode): vscode.TreeItem {
    if (node.kind === "line") {
      const item = new vscode.TreeItem(node.label);
      item.description = node.description;
      item.tooltip = `${node.label}\n${node.tooltip}`.trim();
      item.iconPath = new vscode.ThemeIcon(node.icon);
      return item;
    }
    const { info } = node;
    const over = isOver(info);
    const item = new vscode.TreeItem(targetName(info.target), over ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.Expanded);
    item.description = stateWords[info.state];
    item.tooltip = info.reason ?? stateWords[info.state];
    item.iconPath = new vscode.ThemeIcon(stateIcons[info.state], info.state === "live" ? new vscode.ThemeColor("charts.green") : undefined);
    item.contextValue = over ? "session.over" : "session";
    item.accessibilityInformation = { label: `Session on ${targetName(info.target)}, ${stateWords[info.state]}` };
    return item;
  }

  dispose(): void {
    this.listener.dispose();
    this.changed.dispose();
  }
}
