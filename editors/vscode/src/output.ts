/** The output channel: what the server logs, each session's states, and how it ended. */
import * as vscode from "vscode";
import type { LogMessageParams, SessionInfo } from "../../../protocol/gen/protocol";
import { receiptLines } from "./words";

export class Output implements vscode.Disposable {
  private readonly channel = vscode.window.createOutputChannel("KubeTunnel", { log: true });
  private readonly told = new Map<string, string>();
  private readonly warned = new Set<string>();

  message({ level, message }: LogMessageParams): void {
    switch (level) {
      case "error":
        { this.channel.error(message); return; }
      case "warn":
        { this.channel.warn(message); return; }
      case "debug":
        { this.channel.debug(message); return; }
      default:
        { this.channel.info(message); return; }
    }
  }

  info(text: string): void {
    this.channel.info(text);
  }

  warn(text: string): void {
    this.channel.warn(text);
  }

  error(text: string): void {
    this.channel.error(text);
  }

  /** A state is told once; stages as they come are for who wants to read more. */
  session(info: SessionInfo): void {
    const last = info.stages?.at(-1);
    if (last && !last.endedMillis) this.channel.debug(`${info.target.service}: ${last.stage} began after ${last.beganMillis} ms`);
    for (const warning of info.warnings ?? []) this.once(`${info.target.service}: ${warning}`, info.id);
    const state = `${info.state}${info.reason ? `: ${info.reason}` : ""}`;
    if (this.told.get(info.id) === state) return;
    this.told.set(info.id, state);
    const text = `${info.target.service}: ${state}`;
    if (info.state === "failed") this.channel.error(text);
    else this.channel.info(text);
    if (info.receipt && (info.state === "ended" || info.state === "failed")) for (const line of receiptLines(info.receipt)) this.channel.info(`  ${line}`);
  }

  /** A session's warnings come with each of its changes. */
  private once(warning: string, id: string): void {
    const key = `${id} ${warning}`;
    if (this.warned.has(key)) return;
    this.warned.add(key);
    this.channel.warn(warning);
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.channel.dispose();
  }
}
