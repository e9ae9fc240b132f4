/** The way from VS Code's debugger to the session's. */
import * as vscode from "vscode";
import { outerOf } from "./again";
import { resolvedOf } from "./configuration";
import { openPipe, type Pipe } from "./dappipe";
import type { Problems } from "./problems";
import type { Run, Sessions } from "./sessions";

export class AdapterFactory implements vscode.DebugAdapterDescriptorFactory {
  constructor(
    private readonly sessions: Sessions,
    private readonly problems: Problems,
  ) {}

  /** The adapter is there at once: a stop reaches the session also while it starts. */
  createDebugAdapterDescriptor(session: vscode.DebugSession): vscode.DebugAdapterDescriptor {
    const { target, launch, mode } = resolvedOf(session.configuration);
    const configuration = outerOf(session.configuration, { target, launch });
    const start = { folder: session.workspaceFolder, configuration, target, launch, launcher: mode === "launcher" };
    const begin = (): Run => this.sessions.start(session.id, start);
    const end = (id: string): Promise<void> => this.sessions.stop(id);
    const show = (error: unknown): void => this.problems.show(error, target.context);
    return new vscode.DebugAdapterInlineImplementation(start.launcher ? new LauncherAdapter(begin, end, session, show) : new ProxyAdapter(begin(), end, (id) => this.sessions.isStarting(id), show));
  }
}

interface Message {
  type: string;
  seq: number;
  command?: string;
  request_seq?: number;
  arguments?: { restart?: boolean };
  event?: string;
}

/** Answers requests as a debug adapter does. */
abstract class Adapter implements vscode.DebugAdapter {
  private readonly sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  private seq = 0;
  readonly onDidSendMessage = this.sent.event;

  handleMessage(message: vscode.DebugProtocolMessage): void {
    const request = message as Message;
    if (request.type === "request") this.take(request);
  }

  protected abstract take(request: Message): void;

  protected send(message: object): void {
    this.sent.fire(message);
  }

  protected answer(request: Message, more: object = {}): void {
    this.send({ seq: ++this.seq, type: "response", request_seq: request.seq, command: request.command, success: true, ...more });
  }

  protected event(event: string, body: object = {}): void {
    this.send({ seq: ++this.seq, type: "event", event, body });
  }

  /** A failure that has been shown already. */
  protected refuse(request: Message): void {
    this.answer(request, { success: false, message: "shown", body: { error: { id: 1, format: "shown", showUser: false } } });
  }

  dispose(): void {
    this.sent.dispose();
  }
}

/**
 * The way to the session's debugger, which passes everything both ways. Until the session has
 * one, messages wait here. Only a stop does not: it ends the session.
 */
class ProxyAdapter extends Adapter {
  private readonly held: Message[] = [];
  /** Requests that the debugger has not answered. */
  private readonly asked = new Map<number, Message>();
  private pipe?: Pipe;
  private ended = false;
  /** There will be no debugger, or there is none any more. */
  private over = false;

  constructor(
    private readonly run: Run,
    private readonly end: (id: string) => Promise<void>,
    private readonly isStarting: (id: string) => boolean,
    private readonly show: (error: unknown) => void,
  ) {
    super();
    void this.join();
  }

  override handleMessage(message: vscode.DebugProtocolMessage): void {
    if (this.pipe && !this.over) this.pass(this.pipe, message as Message);
    else super.handleMessage(message);
  }

  /** Without a debugger. One that could not be had is told by the refusal of the launch: VS Code ends it without another word. */
  protected take(request: Message): void {
    const { command } = request;
    if (!this.over && (command === "disconnect" || command === "terminate")) void this.stop(request);
    else if (!this.over) this.held.push(request);
    else if (command === "launch" || command === "attach") this.refuse(request);
    else this.answer(request);
  }

  private async join(): Promise<void> {
    try {
      const { dap } = await this.run.started;
      if (!dap) throw new Error("The session has no debugger.");
      const pipe = await openPipe(dap.address, (message) => this.receive(message as Message), () => this.closed());
      if (this.over) {
        pipe.end();
        return;
      }
      this.pipe = pipe;
      for (const request of this.held.splice(0)) this.pass(pipe, request);
    } catch (error) {
      if (this.over) return; // stopped meanwhile
      this.over = true;
      this.show(error);
      for (const request of this.held.splice(0)) this.take(request);
    }
  }

  private pass(pipe: Pipe, message: Message): void {
    if (message.type === "request") this.asked.set(message.seq, message);
    pipe.send(message);
    // The debugger is there before the agent is: its end alone would leave the session waiting.
    if (message.command === "disconnect" && !message.arguments?.restart && this.isStarting(this.run.id)) void this.end(this.run.id);
  }

  private receive(message: Message): void {
    if (message.type === "response" && message.request_seq !== undefined) this.asked.delete(message.request_seq);
    if (message.type === "event" && message.event === "terminated") this.ended = true;
    this.send(message);
  }

  /** The debugger has gone: VS Code, which knows only an adapter that is there, is told in the protocol's words. */
  private closed(): void {
    if (this.over) return;
    this.over = true;
    for (const request of this.asked.values()) {
      if (request.command === "disconnect") this.answer(request);
      else this.refuse(request);
    }
    if (!this.ended) this.event("terminated");
  }

  private async stop(request: Message): Promise<void> {
    this.over = true;
    for (const other of this.held.splice(0)) this.refuse(other);
    await this.end(this.run.id);
    this.answer(request);
  }

  override dispose(): void {
    this.pipe?.end();
    // The editor may go without a word.
    if (!this.pipe && !this.over) void this.end(this.run.id);
    this.over = true;
    super.dispose();
  }
}

/**
 * The parent of a session whose adapter lives in the editor: it stands for the intercept.
 * Its child is the real debugger; the two end together.
 */
class LauncherAdapter extends Adapter {
  private run?: Run;
  private readonly ended: vscode.Disposable;
  private over = false;

  constructor(
    private readonly begin: () => Run,
    private readonly end: (id: string) => Promise<void>,
    private readonly session: vscode.DebugSession,
    private readonly show: (error: unknown) => void,
  ) {
    super();
    this.ended = vscode.debug.onDidTerminateDebugSession((other) => {
      if (other.parentSession === session) this.terminated();
    });
  }

  protected take(request: Message): void {
    switch (request.command) {
      case "initialize":
        this.answer(request, { body: { supportsConfigurationDoneRequest: true, supportsTerminateRequest: false } });
        this.event("initialized");
        return;
      case "launch":
        void this.launch(request);
        return;
      case "threads":
        this.answer(request, { body: { threads: [] } });
        return;
      case "disconnect":
        void this.disconnect(request);
        return;
      default:
        this.answer(request);
    }
  }

  private async launch(request: Message): Promise<void> {
    try {
      this.run = this.begin();
      const { launch } = await this.run.started;
      if (this.over) {
        this.refuse(request);
        return;
      }
      this.answer(request);
      // Without what the outer configuration has done already.
      const child = { ...launch, name: this.session.name } as unknown as vscode.DebugConfiguration;
      const started = await vscode.debug.startDebugging(this.session.workspaceFolder, child, {
        parentSession: this.session,
        lifecycleManagedByParent: true,
        consoleMode: vscode.DebugConsoleMode.MergeWithParent,
        compact: true,
        suppressSaveBeforeStart: true,
      });
      if (!started) this.terminated();
    } catch (error) {
      if (!this.over) this.show(error);
      this.refuse(request);
      this.terminated();
    }
  }

  private async disconnect(request: Message): Promise<void> {
    this.over = true;
    if (this.run) await this.end(this.run.id);
    this.answer(request);
  }

  private terminated(): void {
    if (this.over) return;
    this.over = true;
    this.event("terminated");
  }

  override dispose(): void {
    this.over = true;
    this.ended.dispose();
    // The editor may go without a word.
    if (this.run) void this.end(this.run.id);
    super.dispose();
  }
}
