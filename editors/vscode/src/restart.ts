/** Settings that the server is started with: a change of one starts it again. */
import * as vscode from "vscode";
import type { Backend } from "./backend";
import type { Sessions } from "./sessions";

const settings = ["kubetunnel.server.path", "kubetunnel.kubeconfig"];

/** Follows the settings. Sessions are ended by them only when the user says so. */
export function followSettings(backend: Backend, sessions: Sessions, refresh: () => void): vscode.Disposable {
  let asking = false;
  const restart = async (): Promise<void> => {
    // By name, for the window to have their receipts before the server goes.
    await Promise.all(sessions.running.map((s) => sessions.stop(s.id)));
    await backend.restart();
    refresh();
  };
  return vscode.workspace.onDidChangeConfiguration(async (change) => {
    const changed = settings.find((name) => change.affectsConfiguration(name));
    if (changed === undefined) return;
    if (sessions.running.length > 0) {
      if (asking) return;
      asking = true;
      const button = "Restart server";
      const answer = await vscode.window.showInformationMessage(`${changed} takes effect when the server is started again. That ends the sessions of this window.`, button);
      asking = false;
      if (answer !== button) return;
    }
    await restart();
  });
}
