/** The status bar: what this window is in the cluster, and on a click what is going on. */
import * as vscode from "vscode";
import type { SessionInfo } from "../../../protocol/gen/protocol";
import type { Sessions } from "./sessions";
import { isOver, receiptLines, stageText, stageTimes, stateIcons, stateWords, targetName } from "./words";

export class Status implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("kubetunnel.session", vscode.StatusBarAlignment.Left, 0);
  private readonly listener: vscode.Disposable;

  constructor(private readonly sessions: Sessions) {
    this.item.name = "KubeTunnel";
    this.item.command = "kubetunnel.showSession";
    this.listener = sessions.onDidChange(() => this.draw());
  }

  private draw(): void {
    const running = this.sessions.running;
    const [first] = running;
    if (!first) {
      this.item.hide();
      return;
    }
    const text = running.length === 1 ? `${targetName(first.target)}: ${stateWords[first.state]}` : `${running.length} Services`;
    this.item.text = `$(${stateIcons[first.state]}) ${text}`;
    this.item.tooltip = running.map((info) => `${targetName(info.target)}: ${info.reason ?? stateWords[info.state]}`).join("\n");
    this.item.accessibilityInformation = { label: `KubeTunnel, ${running.map((info) => `${targetName(info.target)} is ${stateWords[info.state]}`).join(", ")}`, role: "button" };
    this.item.backgroundColor = first.state === "reconnecting" || first.state === "waiting" ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    this.item.show();
  }

  dispose(): void {
    this.listener.dispose();
    this.item.dispose();
  }
}

interface Line extends vscode.QuickPickItem {
  run?: () => unknown;
}

/** What is going on with a session: its state, its stages with their times, what can be done. */
export async function showSession(sessions: Sessions, id: string | undefined): Promise<void> {
  const all = sessions.all;
  const info = all.find((i) => (id === undefined ? !isOver(i) : i.id === id)) ?? all[0];
  if (!info) {
    void vscode.window.showInformationMessage("No session of this window is in the cluster.");
    return;
  }
  const chosen = await vscode.window.showQuickPick(lines(info, sessions), { title: `KubeTunnel: ${targetName(info.target)} is ${stateWords[info.state]}`, placeHolder: info.reason ?? "" });
  await chosen?.run?.();
}

function lines(info: SessionInfo, sessions: Sessions): Line[] {
  const heading = (label: string): Line => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const out: Line[] = [];
  if (!isOver(info)) out.push({ label: "$(debug-stop) Stop intercept", description: "the Service goes back to its pods", run: () => sessions.stop(info.id) });
  out.push({ label: "$(output) Open logs", run: () => vscode.commands.executeCommand("kubetunnel.showLog") });
  const ports = info.ports ?? [];
  if (ports.length > 0) out.push(heading("ports"), ...ports.map((p) => ({ label: `$(arrow-swap) ${p.name ?? ""} ${p.servicePort}`, description: `to port ${p.localPort} of your program` })));
  if ((info.stages ?? []).length > 0) out.push(heading("stages"));
  for (const stage of info.stages ?? []) out.push({ label: `$(${stage.endedMillis ? "check" : "loading~spin"}) ${stageText(stage)}`, description: stageTimes(stage) });
  if (info.receipt) out.push(heading("receipt"), ...receiptLines(info.receipt).map((label) => ({ label })));
  if ((info.warnings ?? []).length > 0) out.push(heading("warnings"), ...(info.warnings ?? []).map((text) => warningLine(text)));
  return out;
}

/** The list has one line for a label, and one for what does not fit in it. The log has all of it. */
function warningLine(text: string): Line {
  const fits = 70;
  const label = text.length > fits ? `${text.slice(0, text.lastIndexOf(" ", fits))} …` : text;
  return { label: `$(warning) ${label}`, ...(label === text ? {} : { detail: text }), run: () => vscode.commands.executeCommand("kubetunnel.showLog") };
}
