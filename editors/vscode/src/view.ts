/** The KubeTunnel view: this window's sessions, and contexts → namespaces → Services with who debugs them. */
import * as vscode from "vscode";
import type { KubeContext, Service, SessionInfo } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { ServerError } from "./connection";
import { shown } from "./problems";
import type { Sessions } from "./sessions";
import { age, isOver, stageText, stageTook, stateIcons, stateWords, targetName } from "./words";

export type ClusterNode = { kind: "context"; context: KubeContext } | { kind: "namespace"; context: KubeContext; namespace: string } | { kind: "service"; context: KubeContext; service: Service } | { kind: "problem"; text: string };

// Items have no id: VS Code refuses a second one of the same id, and asks for an item's
// children twice when it changes while they are on their way.

/** How often what is visible is asked for. */
const pause = 3000;

export class ClusterTree implements vscode.TreeDataProvider<ClusterNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ClusterNode | undefined>();
  private readonly open = new Map<string, { node: ClusterNode; last: string }>();
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly backend: Backend) {}

  /** Follows the view: only what somebody looks at is asked for. */
  follow(view: vscode.TreeView<ClusterNode>): vscode.Disposable {
    const visible = (): void => {
      clearInterval(this.timer);
      this.timer = view.visible ? setInterval(() => void this.poll(), pause) : undefined;
      if (view.visible) void this.poll();
    };
    visible();
    return vscode.Disposable.from(
      view.onDidChangeVisibility(visible),
      view.onDidCollapseElement(({ element }) => this.open.delete(key(element))),
    );
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  /** Asks again for the open namespaces, and draws those whose Services are others now. */
  async poll(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      for (const [k, { node, last }] of this.open) {
        if (node.kind !== "namespace") continue;
        const now = JSON.stringify(await this.services(node.context, node.namespace));
        if (now !== last && this.open.has(k)) this.changed.fire(node);
      }
    } catch {
      // What can't be asked for stays as it was; drawing it tells why.
    } finally {
      this.asking = false;
    }
  }

  private async services(context: KubeContext, namespace: string): Promise<Service[]> {
    const { services } = await this.backend.request("cluster/services", { context: context.name, namespace });
    return services;
  }

  async getChildren(node?: ClusterNode): Promise<ClusterNode[]> {
    try {
      if (!node) {
        const { contexts } = await this.backend.request("cluster/contexts", {});
        return contexts.sort((a, b) => Number(b.current) - Number(a.current)).map((context) => ({ kind: "context", context }));
      }
      if (node.kind === "context") {
        const { namespaces } = await this.backend.request("cluster/namespaces", { context: node.context.name });
        const own = node.context.namespace;
        return namespaces.sort((a, b) => Number(b === own) - Number(a === own)).map((namespace) => ({ kind: "namespace", context: node.context, namespace }));
      }
      if (node.kind === "namespace") {
        const services = await this.services(node.context, node.namespace);
        this.open.set(key(node), { node, last: JSON.stringify(services) });
        if (services.length === 0) return [{ kind: "problem", text: "no Services" }];
        return services.map((service) => ({ kind: "service", context: node.context, service }));
      }
    } catch (error) {
      return [{ kind: "problem", text: error instanceof ServerError ? shown({ code: error.code, message: error.message }) : String(error) }];
    }
    return [];
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
    clearInterval(this.timer);
    this.changed.dispose();
  }
}

function key(node: ClusterNode): string {
  return node.kind === "namespace" ? `${node.context.name}/${node.namespace}` : node.kind;
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

export type SessionNode = { kind: "session"; info: SessionInfo } | { kind: "line"; label: string; description: string; icon: string };

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
      ...(info.reason ? [{ kind: "line", label: info.reason, description: "", icon: info.state === "failed" ? "error" : "info" } as const] : []),
      ...(info.stages ?? []).map((s) => ({ kind: "line", label: stageText(s.stage), description: stageTook(s), icon: s.endedMillis ? "check" : "loading~spin" }) as const),
    ];
  }

  getTreeItem(node: SessionNode): vscode.TreeItem {
    if (node.kind === "line") {
      const item = new vscode.TreeItem(node.label);
      item.description = node.description;
      item.tooltip = `${node.label} ${node.description}`;
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
