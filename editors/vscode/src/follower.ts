/** A namespace's Services as they are, for as long as somebody looks at them. */
import * as vscode from "vscode";
import type { ListServicesResult, Service } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import type { NamespaceNode } from "./view";

/** How long it rests after a question that failed, or that a server has answered without waiting for a change. */
const pause = 3000;

export class Follower implements vscode.Disposable {
  private waiting: vscode.CancellationTokenSource | undefined;
  /** What the last answer told, or its revision. */
  private last = "";
  private revision: string | undefined;
  /** An answer that is to be drawn. */
  private fresh: Service[] | undefined;

  constructor(
    private readonly backend: Backend,
    private node: NamespaceNode,
    private readonly changed: (node: NamespaceNode) => void,
  ) {}

  /** What is to be drawn for a node, which takes the former one's place. */
  async services(node: NamespaceNode): Promise<Service[]> {
    this.node = node;
    const { fresh } = this;
    this.fresh = undefined;
    if (fresh) return fresh;
    const result = await this.ask();
    this.take(result);
    return result.services;
  }

  /** Waits for changes, or doesn't any more. */
  look(on: boolean): void {
    if (on === (this.waiting !== undefined)) return;
    this.waiting?.cancel();
    this.waiting?.dispose();
    this.waiting = on ? new vscode.CancellationTokenSource() : undefined;
    if (this.waiting) void this.wait(this.waiting.token);
  }

  private async wait(token: vscode.CancellationToken): Promise<void> {
    const over = (): boolean => token.isCancellationRequested;
    while (!over()) {
      const result = await this.ask(this.revision, token).catch(() => undefined); // what can't be asked for stays as it was
      if (over()) return;
      if (!result) this.revision = undefined; // who may list, but not watch, is told by asking again
      if (result && this.take(result)) {
        this.fresh = result.services;
        this.changed(this.node);
      }
      if (!result?.revision) await rest(pause, token);
    }
  }

  private ask(unless?: string, token?: vscode.CancellationToken): Promise<ListServicesResult> {
    const { context, namespace } = this.node;
    return this.backend.request("cluster/services", { context: context.name, namespace, ...(unless ? { unless } : {}) }, token);
  }

  /** Whether an answer tells something else than the last one. */
  private take({ services, revision }: ListServicesResult): boolean {
    const now = revision ?? JSON.stringify(services);
    const other = now !== this.last;
    this.last = now;
    this.revision = revision;
    return other;
  }

  dispose(): void {
    this.look(false);
  }
}

function rest(millis: number, token: vscode.CancellationToken): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      cancelled.dispose();
      resolve();
    };
    const timer = setTimeout(done, millis);
    const cancelled = token.onCancellationRequested(done);
  });
}
