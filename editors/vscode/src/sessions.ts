/** This window's sessions, as the server tells of them. */
import * as vscode from "vscode";
import { ErrorCode, type SessionInfo, type StartSessionResult, type StopSessionResult, type Target } from "../../../protocol/gen/protocol";
import { same } from "./again";
import type { Backend } from "./backend";
import type { Configuration } from "./byname";
import type { Output } from "./output";
import type { Problems } from "./problems";
import { ServerError } from "./servererror";
import { isOver, targetName } from "./words";

const unknownSession: number = ErrorCode.UnknownSession;

/** What a session was started with, to start it once more. */
export interface Start {
  folder: vscode.WorkspaceFolder | undefined;
  /** As the user has it, with the tasks and the like around the debugger's. */
  configuration: Configuration;
  target: Target;
  launch: Configuration;
  /** Whether the debugger lives in the editor, which launches what the server makes of the configuration for the session. */
  launcher: boolean;
}

/** A session on its way, which can be stopped by its id from the beginning. */
export interface Run {
  id: string;
  started: Promise<StartSessionResult & { launch: Configuration }>;
}

interface Entry {
  start: Start;
  /** Cancels what is asked of the server until it has answered that the session is there. */
  starting?: vscode.CancellationTokenSource;
  /** What the editor launches, once the server has told. */
  launch?: Configuration;
  /** Somebody has asked for its end. */
  stopping?: boolean;
  info: SessionInfo;
  /** Its failure has been told, or whoever has asked for it is told by the answer. */
  told: boolean;
}

export class Sessions implements vscode.Disposable {
  private readonly entries = new Map<string, Entry>();
  private readonly changed = new vscode.EventEmitter<void>();
  private readonly subscriptions: vscode.Disposable[];
  private count = 0;

  readonly onDidChange = this.changed.event;

  constructor(
    private readonly backend: Backend,
    private readonly output: Output,
    private readonly problems: Problems,
  ) {
    this.subscriptions = [
      backend.onSession((info) => this.take(info)),
      backend.onOutput(({ output: text }) => output.info(text.trimEnd())),
      backend.onDied(({ how, giveUp }) => this.serverDied(how, giveUp)),
    ];
  }

  /** All of them, the newest first. Ended ones stay until the window is closed. */
  get all(): SessionInfo[] {
    return [...this.entries.values()].map((e) => e.info).reverse();
  }

  get running(): SessionInfo[] {
    return this.all.filter((info) => !isOver(info));
  }

  isStarting(id: string): boolean {
    return this.entries.get(id)?.info.state === "starting";
  }

  /**
   * Starts a session, or finds the one of that debug session: it is started again by the
   * editor while its intercept stays. One that is over, or is for something else since the
   * configuration was changed, gives its place to a new one.
   */
  start(debugSession: string, start: Start): Run {
    const former = [...this.entries.keys()].reverse().find((id) => id === debugSession || id.startsWith(`${debugSession}.`));
    const old = former === undefined ? undefined : this.entries.get(former);
    const kept = old && isGoingOn(old) && same([old.start.target, old.start.launch], [start.target, start.launch]) ? old : undefined;
    const id = kept?.info.id ?? (old ? `${debugSession}.${++this.count}` : debugSession);
    const entry: Entry = kept ?? { start, told: true, info: { id, kind: "debug", target: start.target, state: "starting" } };
    this.entries.set(id, entry);
    return { id, started: this.run(entry, old) };
  }

  private async run(entry: Entry, former: Entry | undefined): Promise<StartSessionResult & { launch: Configuration }> {
    const { start, info: { id } } = entry;
    const again = entry === former;
    const source = (entry.starting = new vscode.CancellationTokenSource());
    const { token } = source;
    const ask = async (): Promise<StartSessionResult & { launch: Configuration }> => {
      // What it had is given back first: it may be the same Service.
      if (former && !again) await this.stop(former.info.id);
      const launch = entry.launch ?? (await this.launchOf(entry, token));
      // A stop that comes after this is behind it on the way to the server.
      if (token.isCancellationRequested) throw new vscode.CancellationError();
      const result = await this.backend.request("session/start", { id, target: start.target, launch, ...where(start), showsErrors: true, workDoneToken: id }, token);
      return { ...result, launch };
    };
    try {
      const result = again ? await ask() : await this.showing(id, start.target, ask);
      if (!again) {
        entry.told = false;
        this.tellFailure(entry);
      }
      return result;
    } catch (error) {
      const cancelled = token.isCancellationRequested;
      if (!isOver(entry.info)) entry.info = { ...entry.info, state: cancelled ? "ended" : "failed", reason: cancelled ? "cancelled" : error instanceof Error ? error.message : String(error) };
      this.changed.fire();
      throw cancelled ? new vscode.CancellationError() : error;
    } finally {
      if (entry.starting === source) delete entry.starting;
    }
  }

  /** The configuration for the session of this id: where the editor has the debugger, it says how to get there. */
  private async launchOf(entry: Entry, token: vscode.CancellationToken): Promise<Configuration> {
    const { start, info: { id } } = entry;
    if (!start.launcher) return start.launch;
    const result = await this.backend.request("session/resolve", { target: start.target, launch: start.launch, id, ...where(start) }, token);
    const launch = result.launch as Configuration;
    entry.launch = launch;
    return launch;
  }

  /** Shows the stages of a start, which can be cancelled at each of them. */
  private showing<T>(id: string, target: Target, run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      void vscode.window.withProgress({ location: vscode.ProgressLocation.Notification, title: `KubeTunnel: ${targetName(target)}`, cancellable: true }, async (progress, token) => {
        const listener = this.backend.onProgress(({ token: of, value }) => {
          if (of === id && value.message) progress.report({ message: value.message });
        });
        const cancelled = token.onCancellationRequested(() => void this.stop(id));
        try {
          resolve(await run());
          // The editor's debugger goes on; the rest of the stages can still be cancelled here.
          await this.until(id, (info) => info.state !== "starting");
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        } finally {
          listener.dispose();
          cancelled.dispose();
        }
      });
    });
  }

  private until(id: string, true_: (info: SessionInfo) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        const entry = this.entries.get(id);
        if (entry && !true_(entry.info)) return;
        listener.dispose();
        resolve();
      };
      const listener = this.changed.event(check);
      check();
    });
  }

  /** Ends a session; its receipt comes with its last state. */
  async stop(id: string): Promise<void> {
    const entry = this.entries.get(id);
    if (!entry || isOver(entry.info)) return;
    entry.stopping = true;
    entry.starting?.cancel();
    const result = await this.problems.guard(() => this.stopped(id), entry.start.target.context);
    if (result) this.take(result.session);
  }

  /** Nothing where the server has none of that id: it was stopped before it came to be. */
  private async stopped(id: string): Promise<StopSessionResult | undefined> {
    try {
      return await this.backend.request("session/stop", { id });
    } catch (error) {
      if (error instanceof ServerError && error.code === unknownSession) return undefined;
      throw error;
    }
  }

  private take(info: SessionInfo): void {
    const entry = this.entries.get(info.id);
    if (!entry || isOver(entry.info)) return;
    entry.info = info;
    this.output.session(info);
    this.changed.fire();
    this.tellFailure(entry);
  }

  private tellFailure(entry: Entry): void {
    const { error, state, target } = entry.info;
    if (state !== "failed" || entry.told || !error) return;
    entry.told = true;
    this.problems.tell({ code: error.code, message: error.message, event: error.data.event, fix: error.data.fix }, [again(entry.start)], target.context);
  }

  /** Its sandboxes have ended with it; the cluster puts the Services back. */
  private serverDied(how: string, giveUp: boolean): void {
    const lost = [...this.entries.values()].filter((e) => !isOver(e.info));
    for (const entry of lost) {
      entry.info = { ...entry.info, state: "failed", reason: `tunnel-server ${how}` };
      entry.told = true;
      this.output.session(entry.info);
    }
    if (lost.length > 0) {
      const names = lost.map((e) => targetName(e.start.target)).join(", ");
      const what = lost.length === 1 ? [`the session on ${names}`, "the Service is"] : [`the sessions on ${names}`, "the Services are"];
      const text = `tunnel-server ${how}, and with it ${what[0] ?? ""}. The app's pods answer; ${what[1] ?? ""} being put back. ${giveUp ? "" : "The server is started again."}`;
      this.problems.tellEnd({ code: 0, message: text.trim() }, [again(...lost.map((e) => e.start))]);
    } else if (giveUp) this.problems.tellEnd({ code: 0, message: `tunnel-server ${how}, again and again. It is started once more when it is needed.` });
    this.changed.fire();
  }

  dispose(): void {
    for (const s of this.subscriptions) s.dispose();
    this.changed.dispose();
  }
}

function isGoingOn({ info, stopping }: Entry): boolean {
  return !isOver(info) && info.state !== "stopping" && !stopping;
}

function where({ folder }: Start): { folder?: string } {
  return folder ? { folder: folder.uri.fsPath } : {};
}

function again(...starts: Start[]): vscode.MessageItem & { run(): unknown } {
  const run = async (): Promise<void> => {
    for (const { folder, configuration } of starts) await vscode.debug.startDebugging(folder, configuration as vscode.DebugConfiguration);
  };
  return { title: starts.length === 1 ? "Debug Again" : "Debug All Again", run };
}
