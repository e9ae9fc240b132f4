/** Questions to the user: which Service, and how to debug. The server gives the answers to choose from. */
import * as vscode from "vscode";
import type { Service, Suggestion, Target } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import type { Configuration } from "./byname";
import { shown } from "./problems";
import { ServerError } from "./servererror";

interface Choice<T> extends vscode.QuickPickItem {
  value: T;
}

/** Why there is nothing to choose from. */
class Failure {
  constructor(readonly error: unknown) {}

  /** Told in the list, where there is still a way on; who chooses it gets the message with its buttons. */
  get item(): Choice<Failure> {
    const { error } = this;
    const known = error instanceof ServerError ? error : undefined;
    const label = known ? shown({ code: known.code, message: known.message, event: known.data.event }) : error instanceof Error ? error.message : String(error);
    return { label: `$(error) ${label}`, detail: known?.data.fix?.title ?? "", alwaysShow: true, value: this };
  }
}

/** Lets the user choose a Service: of the context's own namespace, or of another one. */
export async function pickService(backend: Backend, token?: vscode.CancellationToken, context?: string, namespace?: string): Promise<Target | undefined> {
  const elsewhere = "elsewhere";
  const answer = await choose<Service | Failure | typeof elsewhere>(
    async () => {
      const found = await backend.request("cluster/services", { ...(context ? { context } : {}), ...(namespace ? { namespace } : {}) }, token).then(
        ({ services }) => services.map((service) => ({ ...serviceItem(service), value: service })),
        (error: unknown) => [new Failure(error).item],
      );
      return [
        ...found,
        { label: "", kind: vscode.QuickPickItemKind.Separator, value: elsewhere },
        { label: "$(ellipsis) Another namespace or context…", value: elsewhere, alwaysShow: true },
      ];
    },
    "Debug in cluster: which Service should your program stand in for?",
    namespace ? `Services in ${namespace}` : "Services in the current namespace",
    token,
  );
  if (answer === undefined) return undefined;
  if (answer instanceof Failure) throw answer.error;
  if (answer !== elsewhere) return { ...(context ? { context } : {}), namespace: answer.namespace, service: answer.name };
  const place = await pickNamespace(backend, token);
  return place && pickService(backend, token, place.context, place.namespace);
}

async function pickNamespace(backend: Backend, token?: vscode.CancellationToken): Promise<{ context?: string; namespace: string } | undefined> {
  const context = await choose(
    async () => {
      const { contexts } = await backend.request("cluster/contexts", {}, token);
      return contexts.map((c) => ({ label: c.name, description: c.current ? "current" : "", detail: `${c.user} at ${c.cluster}`, value: c }));
    },
    "Debug in cluster: which context?",
    "Contexts of the kubeconfig",
    token,
  );
  if (!context) return undefined;
  const namespace = await choose(
    async () => {
      const { namespaces } = await backend.request("cluster/namespaces", { context: context.name }, token);
      return namespaces.map((n) => ({ label: n, description: n === context.namespace ? "the context's own" : "", value: n }));
    },
    "Debug in cluster: which namespace?",
    `Namespaces in ${context.name}`,
    token,
  );
  return namespace === undefined ? undefined : { ...(context.current ? {} : { context: context.name }), namespace };
}

export function serviceItem(service: Service): vscode.QuickPickItem {
  const ports = service.ports.map((p) => (p.name ? `${p.name} ${p.port}` : String(p.port))).join(", ");
  const workload = service.workload ? `${service.workload.kind} ${service.workload.name}, ${service.workload.ready} of ${service.workload.total} ready` : "nothing runs behind it";
  return {
    label: `${service.notInterceptable ? "$(circle-slash)" : "$(symbol-interface)"} ${service.name}`,
    description: ports,
    detail: service.notInterceptable ? service.notInterceptable : workload,
  };
}

/** How the program that is open could be debugged, by the server; and what launch.json has. */
export async function pickDebug(backend: Backend, target: Target, folder: vscode.WorkspaceFolder | undefined, configurations: Configuration[], token?: vscode.CancellationToken): Promise<{ name: string; debug: unknown } | undefined> {
  const found = await suggestions(backend, target, folder, token);
  const items: Choice<{ name: string; debug: unknown }>[] = [
    ...found.map(({ title, configuration }) => ({ label: title, description: programOf(configuration.debug), value: { name: configuration.name, debug: configuration.debug } })),
    ...configurations
      .filter((c) => c.type !== "kubetunnel" && c.request !== "attach" && typeof c.name === "string")
      .map((c) => ({ label: `$(debug-alt) ${String(c.name)}`, description: "from launch.json", value: { name: String(c.name), debug: c.name } })),
  ];
  const [only] = items;
  if (!only) throw new Error("No program was found that could be debugged: open a file of it, or write a launch configuration.");
  if (items.length === 1) return only.value;
  return choose(() => Promise.resolve(items), `Debug ${target.service} in cluster: which program?`, "What the open file belongs to comes first", token);
}

export async function suggestions(backend: Backend, target: Target, folder: vscode.WorkspaceFolder | undefined, token?: vscode.CancellationToken): Promise<Suggestion[]> {
  const file = vscode.window.activeTextEditor?.document.uri;
  const result = await backend.request("session/suggest", { target, ...(file?.scheme === "file" ? { file: file.fsPath } : {}), ...(folder ? { folder: folder.uri.fsPath } : {}) }, token);
  return result.suggestions;
}

function programOf(debug: unknown): string {
  const { program } = debug as { program?: unknown };
  return typeof program === "string" ? program.replace("${workspaceFolder}/", "") : "";
}

/** A quick pick that is there at once, and fills when the answer comes. Esc ends the question too. */
function choose<T>(items: () => Promise<Choice<T>[]>, title: string, placeholder: string, token?: vscode.CancellationToken): Promise<T | undefined> {
  const pick = vscode.window.createQuickPick<Choice<T>>();
  pick.title = title;
  pick.placeholder = placeholder;
  pick.matchOnDescription = true;
  pick.matchOnDetail = true;
  pick.ignoreFocusOut = true;
  pick.busy = true;
  return new Promise<T | undefined>((resolve, reject) => {
    const cancelled = token?.onCancellationRequested(() => pick.hide());
    pick.onDidAccept(() => {
      const [chosen] = pick.selectedItems;
      if (!chosen) return;
      resolve(chosen.value);
      pick.hide();
    });
    pick.onDidHide(() => {
      resolve(undefined);
      cancelled?.dispose();
      pick.dispose();
    });
    pick.show();
    items().then(
      (found) => {
        pick.items = found;
        pick.busy = false;
      },
      (error: unknown) => {
        reject(error instanceof Error ? error : new Error(String(error)));
        pick.hide();
      },
    );
  });
}
