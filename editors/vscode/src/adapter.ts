/** The way from VS Code's debugger to the session's. */
import * as vscode from "vscode";
import type { Configuration } from "./byname";
import { resolvedOf } from "./configuration";
import type { Problems } from "./problems";
import type { Sessions } from "./sessions";

export class AdapterFactory implements vscode.DebugAdapterDescriptorFactory {
  constructor(
    private readonly sessions: Sessions,
    private readonly problems: Problems,
  ) {}

  async createDebugAdapterDescriptor(session: vscode.DebugSession): Promise<vscode.DebugAdapterDescriptor> {
    const { target, launch, mode } = resolvedOf(session.configuration);
    const start = { folder: session.workspaceFolder, name: session.name, target, launch, launcher: mode === "launcher" };
    if (mode === "launcher")
      return new vscode.DebugAdapterInlineImplementation(
        new LauncherAdapter(
          () => this.sessions.start(session.id, start),
          (id) => this.sessions.stop(id),
          session,
          (error) => this.problems.show(error),
        ),
      );
    try {
      const { dap } = await this.sessions.start(session.id, start);
      if (!dap) throw new Error("The session has no debugger.");
      return new vscode.DebugAdapterNamedPipeServer(dap.address);
    } catch (error) {
      // VS Code would show it in a dialog without a way on.
      this.problems.show(error);
      return new vscode.DebugAdapterInlineImplementation(new RefusingAdapter());
    }
  }
}

interface Message {
  type: string;
  seq: number;
  command?: string;
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

  protected answer(request: Message, more: object = {}): void {
    this.sent.fire({ seq: ++this.seq, type: "response", request_seq: request.seq, command: request.command, success: true, ...more });
  }

  protected event(event: string, body: object = {}): void {
    this.sent.fire({ seq: ++this.seq, type: "event", event, body });
  }

  /** A failure that has been shown already. */
  protected refuse(request: Message): void {
    this.answer(request, { success: false, message: "shown", body: { error: { id: 1, format: "shown", showUser: false } } });
  }

  dispose(): void {
    this.sent.dispose();
  }
}

/** A session that could not be had: VS Code ends it without another word. */
class RefusingAdapter extends Adapter {
  protected take(request: Message): void {
    if (request.command === "launch" || request.command === "attach") this.refuse(request);
    else this.answer(request);
  }
}

/**
 * The parent of a session whose adapter lives in the editor: it stands for the intercept.
 * Its child is the real debugger; the two end together.
 */
class LauncherAdapter extends Adapter {
  private id?: string;
  private readonly ended: vscode.Disposable;
  private over = false;

  constructor(
    private readonly begin: () => Promise<{ id: string; launch: Configuration }>,
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
      const { id, launch } = await this.begin();
      this.id = id;
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
      this.show(error);
      this.refuse(request);
      this.terminated();
    }
  }

  private async disconnect(request: Message): Promise<void> {
    this.over = true;
    if (this.id !== undefined) await this.end(this.id);
    this.answer(request);
  }

  private terminated(): void {
    if (this.over) return;
    this.over = true;
    this.event("terminated");
  }

  override dispose(): void {
    this.ended.dispose();
    // The editor may go without a word.
    if (this.id !== undefined) void this.end(this.id);
    super.dispose();
  }
}
