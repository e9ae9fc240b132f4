/** A list of the server's as it is, for as long as somebody looks at it. */
import * as vscode from "vscode";

/** How long it rests after a list that the server has answered without waiting for a change, and longer each time that it could not be had. */
const pause = 3000;
const longestPause = 60000;

/** A list, and what it is called: the server waits for another one when it is told that. */
export interface Listed<T> {
  items: T[];
  revision?: string | undefined;
}

/** Asks the server for a list other than the one of a revision, if any. */
export type Ask<T> = (unless: string | undefined, token?: vscode.CancellationToken) => Promise<Listed<T>>;

export class Follower<T> implements vscode.Disposable {
  private waiting: vscode.CancellationTokenSource | undefined;
  /** What the last answer told, or its revision. */
  private last = "";
  private revision: string | undefined;
  /** An answer that is to be drawn. */
  private fresh: T[] | undefined;

  constructor(
    private readonly ask: Ask<T>,
    private readonly changed: () => void,
  ) {}

  /** What is to be drawn. */
  async items(): Promise<T[]> {
    const { fresh } = this;
    this.fresh = undefined;
    if (fresh) return fresh;
    const listed = await this.ask(undefined);
    this.take(listed);
    return listed.items;
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
    for (let failures = 0; !over(); ) {
      const listed = await this.ask(this.revision, token).catch(() => undefined); // what can't be asked for stays as it was
      if (over()) return;
      failures = listed ? 0 : failures + 1;
      if (!listed) this.revision = undefined; // who may list, but not watch, is told by asking again
      if (listed && this.take(listed)) {
        this.fresh = listed.items;
        this.changed();
      }
      if (!listed?.revision) await rest(Math.min(pause * 2 ** Math.max(0, failures - 2), longestPause), token);
    }
  }

  /** Whether an answer tells something else than the last one. */
  private take({ items, revision }: Listed<T>): boolean {
    const now = revision ?? JSON.stringify(items);
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
