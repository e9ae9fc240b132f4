/** Errors as messages, with the server's fix as buttons. */
import * as vscode from "vscode";
import { ErrorCode, type Fix } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { ServerError, ServerGone } from "./servererror";
import type { Output } from "./output";
import { UnknownName } from "./byname";

/** What can be shown: an error of a request, a session, or a preflight. */
export interface Problem {
  code: number;
  message: string;
  event?: string | undefined;
  fix?: Fix | undefined;
}

interface Button extends vscode.MessageItem {
  run(): unknown;
}

export class Problems {
  /** The server's end has been told in this turn. */
  private endTold = false;

  constructor(
    private readonly backend: Backend,
    private readonly output: Output,
  ) {}

  /** Shows an error that was caught, unless the user has asked for it. Its fix is for the context in which it happened. */
  show(error: unknown, context?: string): void {
    if (error instanceof vscode.CancellationError) return;
    if (error instanceof ServerError) {
      if (error.code === (ErrorCode.RequestCancelled as number)) return;
      this.tell({ code: error.code, message: error.message, event: error.data.event, fix: error.data.fix }, [], context);
      return;
    }
    if (error instanceof ServerGone) {
      if (!this.endTold) this.tellEnd({ code: 0, message: `${error.message}. Try again: it is started anew` });
      return;
    }
    const message = error instanceof Error ? error.message : String(error);
    this.tell({ code: 0, message }, [error instanceof UnknownName ? openLaunchButton() : openSettings()]);
  }

  tell(problem: Problem, more: Button[] = [], context?: string): void {
    const text = shown(problem);
    this.output.error(text);
    const buttons = [...more, ...this.buttons(problem.fix, context), { title: "Show Log", run: () => this.output.show() }];
    void vscode.window.showErrorMessage(text, ...buttons).then((button) => button?.run());
  }

  /** Tells once that the server has ended: what it was asked fails in the same turn, and needs no further message. */
  tellEnd(problem: Problem, more: Button[] = []): void {
    this.endTold = true;
    setImmediate(() => (this.endTold = false));
    this.tell(problem, more);
  }

  /** A fix as buttons. One without anything to do is only told. */
  buttons(fix: Fix | undefined, context?: string): Button[] {
    if (!fix) return [];
    if (fix.method === "operator/install") return [{ title: fix.title, run: () => vscode.commands.executeCommand("kubetunnel.installOperator", context) }];
    if (fix.yaml) return [{ title: "Copy RBAC YAML", run: () => copyYAML(fix.yaml ?? "") }];
    if (fix.value !== undefined) return [openLaunchButton()]; // where it is a quick fix
    if (fix.command) return [{ title: isShort(fix) ? fix.title : "Open in Terminal", run: () => runInTerminal(fix.command ?? "") }];
    return [];
  }

  /** Runs what may fail, and shows how. */
  async guard<T>(work: () => Promise<T>, context?: string): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.show(error, context);
      return undefined;
    }
  }

  /** Installs the operator, or brings it to this version. The context that was confirmed is the one that is meant, also when another becomes the current one meanwhile. */
  async install(given: string | undefined): Promise<void> {
    const context = given || (await this.guard(() => this.currentContext()));
    if (context === undefined) return;
    const yes: vscode.MessageItem = { title: "Install" };
    const answer = await vscode.window.showWarningMessage(`Install the KubeTunnel operator in context ${context}? It is for the whole cluster, and needs an admin's rights.`, { modal: true }, yes);
    if (answer !== yes) return;
    await vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: "KubeTunnel operator", cancellable: true }, async (progress, token) => {
      const workDoneToken = `install-${Date.now()}`;
      const listener = this.backend.onProgress(({ token: of, value }) => {
        if (of === workDoneToken && value.message) progress.report({ message: value.message });
      });
      try {
        const image = vscode.workspace.getConfiguration("kubetunnel").get<string>("operator.image")?.trim();
        const status = await this.backend.request("operator/install", { context, ...(image ? { image } : {}), workDoneToken }, token);
        void vscode.window.showInformationMessage(`The KubeTunnel operator ${status.version ?? ""} is ${status.ready ? "ready" : `installed: ${status.message ?? ""}`}`);
      } catch (error) {
        this.show(error, context);
      } finally {
        listener.dispose();
      }
    });
  }

  private async currentContext(): Promise<string> {
    const { contexts } = await this.backend.request("cluster/contexts", {});
    const current = contexts.find((c) => c.current);
    if (!current) throw new Error("The kubeconfig has no current context: choose one in the Cluster view.");
    return current.name;
  }
}

export function shown({ code, message, event, fix }: Problem): string {
  const first = code > 0 ? `KT${code}: ${message}` : message;
  const todo = fix && !(isShort(fix) && (fix.method ?? fix.yaml ?? fix.command)) ? ` ${fix.title}.` : "";
  return `${first}${/[.!?]$/.test(first) ? "" : "."}${event ? ` The cluster says: ${event}` : ""}${todo}`;
}

/** Whether a fix's title has room on a button; otherwise it is a sentence of the message. */
function isShort({ title }: Fix): boolean {
  return title.length <= 24;
}

function openSettings(): Button {
  return { title: "Open Settings", run: () => vscode.commands.executeCommand("workbench.action.openSettings", "kubetunnel") };
}

export function openLaunchButton(): Button {
  return { title: "Open launch.json", run: () => vscode.commands.executeCommand("workbench.action.debug.configure") };
}

export async function copyYAML(yaml: string): Promise<void> {
  await vscode.env.clipboard.writeText(yaml);
  const document = await vscode.workspace.openTextDocument({ language: "yaml", content: yaml });
  await vscode.window.showTextDocument(document, { preview: true });
  void vscode.window.showInformationMessage("The YAML is in the clipboard too: an admin of the cluster applies it.");
}

/** The command waits for the user's Enter. */
export function runInTerminal(command: string): void {
  const terminal = vscode.window.createTerminal({ name: "KubeTunnel" });
  terminal.show();
  terminal.sendText(command, false);
}
