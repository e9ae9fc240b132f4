/** What the server's preflight finds, as squiggles in launch.json, with its fixes as quick fixes. */
import * as vscode from "vscode";
import type { Diagnostic, Fix, Severity } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { edited } from "./jsonc";
import { holdsVariables, launchFile, type Place, places } from "./launchfile";
import { copyYAML, runInTerminal, shown } from "./problems";

const severities: Record<Severity, vscode.DiagnosticSeverity> = { error: vscode.DiagnosticSeverity.Error, warning: vscode.DiagnosticSeverity.Warning, info: vscode.DiagnosticSeverity.Information };

/** How long a document rests before it is looked at. */
const rest = 500;

class Finding extends vscode.Diagnostic {
  override source = "KubeTunnel";
  fix?: Fix;
  context?: string;
  /** The field that a fix is for, in the document as it was then. */
  field?: { path: (string | number)[]; version: number };
}

export class Diagnostics implements vscode.Disposable, vscode.CodeActionProvider {
  private readonly collection = vscode.languages.createDiagnosticCollection("kubetunnel");
  private readonly subscriptions: vscode.Disposable[];
  private readonly waiting = new Map<string, NodeJS.Timeout>();

  constructor(private readonly backend: Backend) {
    const take = (document: vscode.TextDocument): void => {
      if (vscode.languages.match(launchFile, document) > 0) this.soon(document);
    };
    this.subscriptions = [
      this.collection,
      vscode.workspace.onDidOpenTextDocument(take),
      vscode.workspace.onDidChangeTextDocument(({ document }) => take(document)),
      vscode.workspace.onDidCloseTextDocument((document) => this.collection.delete(document.uri)),
      // The cluster may be another one now.
      vscode.window.onDidChangeActiveTextEditor((editor) => editor && take(editor.document)),
      vscode.languages.registerCodeActionsProvider(launchFile, this, { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] }),
    ];
    vscode.workspace.textDocuments.forEach(take);
  }

  private soon(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.waiting.get(key));
    this.waiting.set(
      key,
      setTimeout(() => {
        this.waiting.delete(key);
        void this.look(document);
      }, rest),
    );
  }

  private async look(document: vscode.TextDocument): Promise<void> {
    const version = document.version;
    const found: Finding[] = [];
    const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath;
    for (const place of await places(document)) {
      found.push(...place.wrong.map(({ field, message }) => new Finding(place.range(field), message, vscode.DiagnosticSeverity.Error)));
      if (!place.target.service || holdsVariables(place.target)) continue; // it is asked for
      try {
        const { diagnostics } = await this.backend.request("session/preflight", { target: place.target, ...(place.debug ? { launch: place.debug } : {}), ...(folder ? { folder } : {}) });
        found.push(...diagnostics.map((d) => finding(d, place, version)));
      } catch {
        // A server that can't be had tells so when it is needed.
      }
    }
    if (!document.isClosed && document.version === version) this.collection.set(document.uri, found);
  }

  provideCodeActions(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
    const here = (this.collection.get(document.uri) ?? []).filter((d): d is Finding => d.range.intersection(range) !== undefined);
    return here.flatMap((d) => {
      const { fix, field } = d;
      if (!fix) return [];
      const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
      action.diagnostics = [d];
      action.isPreferred = true;
      if (fix.value !== undefined) {
        // What is around a field that is not there is not to be replaced by its value.
        const change = field?.version === document.version ? edited(document.getText(), field.path, fix.value) : undefined;
        if (!change) return [];
        action.edit = new vscode.WorkspaceEdit();
        action.edit.replace(document.uri, new vscode.Range(document.positionAt(change.start), document.positionAt(change.end)), change.text);
      } else if (fix.method === "operator/install") action.command = { title: fix.title, command: "kubetunnel.installOperator", arguments: [d.context] };
      else if (fix.yaml) action.command = { title: fix.title, command: copyCommand, arguments: [fix.yaml] };
      else if (fix.command) action.command = { title: fix.title, command: terminalCommand, arguments: [fix.command] };
      else return [];
      return [action];
    });
  }

  dispose(): void {
    this.waiting.forEach((timer) => clearTimeout(timer));
    for (const s of this.subscriptions) s.dispose();
  }
}

export const copyCommand = "kubetunnel.copyYAML";
export const terminalCommand = "kubetunnel.runInTerminal";

export function fixCommands(): vscode.Disposable {
  return vscode.Disposable.from(vscode.commands.registerCommand(copyCommand, copyYAML), vscode.commands.registerCommand(terminalCommand, runInTerminal));
}

function finding(d: Diagnostic, place: Place, version: number): Finding {
  const out = new Finding(place.range(d.field ?? "target"), shown({ code: 0, message: d.message }), severities[d.severity]);
  out.code = `KT${d.code}`;
  if (d.fix) out.fix = d.fix;
  if (d.field !== undefined) out.field = { path: place.path(d.field), version };
  if (place.target.context !== undefined) out.context = place.target.context;
  return out;
}
