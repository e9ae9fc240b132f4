/** Names from the cluster, where a launch.json wants one: contexts, namespaces, Services, ports, and other configurations. */
import * as vscode from "vscode";
import type { Target } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import type { Configuration } from "./byname";
import { debugType, launchConfigurations } from "./configuration";
import { located, pathAt } from "./jsonc";
import { launchFile } from "./launchfile";

/** Who writes does not wait longer for a cluster. */
const patience = 2000;

interface Name {
  value: string;
  detail: string;
}

export class Completion implements vscode.CompletionItemProvider {
  constructor(private readonly backend: Backend) {}

  register(): vscode.Disposable {
    return vscode.languages.registerCompletionItemProvider(launchFile, this, '"', ":", " ");
  }

  async provideCompletionItems(document: vscode.TextDocument, position: vscode.Position, token: vscode.CancellationToken): Promise<vscode.CompletionItem[]> {
    const before = document.lineAt(position).text.slice(0, position.character);
    const asked = /"(context|namespace|service|port|debug)"\s*:\s*("?)[^",{}]*$/.exec(before);
    if (!asked) return [];
    const [, field = "", quote = ""] = asked;
    const text = document.getText();
    const offset = document.offsetAt(position);
    if (!isOurs(text, offset, field)) return [];
    const names = await soon((soon) => this.names(field, targetIn(enclosing(text, offset)), document, soon), token);
    const tail = /^[^",}\n]*"?/.exec(document.lineAt(position).text.slice(position.character))?.[0] ?? "";
    const start = position.translate(0, -(before.length - before.lastIndexOf(quote === "" ? ":" : quote) - 1) - quote.length);
    return names.map(({ value, detail }, i) => {
      const item = new vscode.CompletionItem(value, vscode.CompletionItemKind.Value);
      item.detail = detail;
      item.sortText = String(i).padStart(4, "0");
      item.filterText = `"${value}"`;
      item.insertText = quote === "" ? ` "${value}"` : `"${value}"`;
      item.range = new vscode.Range(start, position.translate(0, quote === "" ? 0 : tail.length));
      return item;
    });
  }

  private async names(field: string, target: Partial<Target>, document: vscode.TextDocument, token: vscode.CancellationToken): Promise<Name[]> {
    const context = target.context ? { context: target.context } : {};
    switch (field) {
      case "context":
        return (await this.backend.request("cluster/contexts", {}, token)).contexts.map((c) => ({ value: c.name, detail: c.current ? "the current one" : c.cluster }));
      case "namespace":
        return (await this.backend.request("cluster/namespaces", context, token)).namespaces.map((value) => ({ value, detail: "namespace" }));
      case "debug":
        return launchConfigurations(vscode.workspace.getWorkspaceFolder(document.uri)).filter(isOther).map((c) => ({ value: String(c.name), detail: String(c.type) }));
      default: {
        const { services } = await this.backend.request("cluster/services", { ...context, ...(target.namespace ? { namespace: target.namespace } : {}) }, token);
        if (field === "service") return services.map((s) => ({ value: s.name, detail: s.notInterceptable ?? s.ports.map((p) => `${p.name ?? ""} ${p.port}`).join(", ") }));
        const service = services.find((s) => s.name === target.service);
        return (service?.ports ?? []).flatMap((p) => [...(p.name ? [{ value: p.name, detail: `port ${p.port}` }] : []), { value: String(p.port), detail: p.name ?? p.protocol }]);
      }
    }
  }
}

function isOther(configuration: Configuration): boolean {
  return configuration.type !== "kubetunnel" && typeof configuration.name === "string";
}

/** Whether a field is one of ours where it is: other debuggers have a "port" and a "context", too. */
function isOurs(text: string, offset: number, field: string): boolean {
  const [root, index, part, ...more] = pathAt(text, offset);
  if (root !== "configurations" || typeof index !== "number" || more.length > 0) return false;
  const type = located(text, [root, index, "type"]);
  const typed = type !== undefined && text.slice(type.start, type.end) === JSON.stringify(debugType);
  if (field === "debug") return typed && part === undefined;
  return part === "kubetunnel" || (typed && part === "target");
}

/** What is there in time, and nothing otherwise. */
async function soon(ask: (token: vscode.CancellationToken) => Promise<Name[]>, token: vscode.CancellationToken): Promise<Name[]> {
  const source = new vscode.CancellationTokenSource();
  const late = new Promise<Name[]>((resolve) => source.token.onCancellationRequested(() => resolve([])));
  const timer = setTimeout(() => source.cancel(), patience);
  const cancelled = token.onCancellationRequested(() => source.cancel());
  try {
    return await Promise.race([ask(source.token).catch(() => []), late]);
  } finally {
    clearTimeout(timer);
    cancelled.dispose();
    source.dispose();
  }
}

/** The text of the object around an offset: enough to read its strings, also while it is being written. */
export function enclosing(text: string, offset: number): string {
  let depth = 0;
  let start = offset;
  while (start > 0) {
    const c = text[--start];
    if (c === "}") depth++;
    if (c === "{" && depth-- === 0) break;
  }
  depth = 0;
  let end = start;
  while (end < text.length) {
    const c = text[end++];
    if (c === "{") depth++;
    if (c === "}" && --depth === 0) break;
  }
  return text.slice(start, end);
}

export function targetIn(object: string): Partial<Target> {
  const read = (name: string): string | undefined => new RegExp(`"${name}"\\s*:\\s*"([^"]*)"`).exec(object)?.[1];
  const [context, namespace, service] = [read("context"), read("namespace"), read("service")];
  return { ...(context ? { context } : {}), ...(namespace ? { namespace } : {}), ...(service ? { service } : {}) };
}
