/** Stands for the editor's debugger for Java, which is an extension of its own: it attaches, and lets the program go. */
import * as net from "node:net";
import * as vscode from "vscode";

interface Message {
  type: string;
  seq: number;
  command: string;
  arguments?: { request: string; hostName: string; port: number };
}

/** The first that both sides say (JDWP specification, "JDWP Handshake"). */
const greeting = "JDWP-Handshake";
/** The command VirtualMachine.Resume: length, id, flags, command set 1, command 9. */
const resume = Buffer.from([0, 0, 0, 11, 0, 0, 0, 1, 0, 1, 9]);

class Attaches implements vscode.DebugAdapter {
  private readonly sent = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly onDidSendMessage = this.sent.event;
  private connection?: net.Socket;

  handleMessage(message: vscode.DebugProtocolMessage): void {
    const request = message as Message;
    const answer = (more: object): void => this.sent.fire({ seq: 0, type: "response", request_seq: request.seq, command: request.command, success: true, ...more });
    if (request.command === "attach" || request.command === "launch") {
      this.attach(request.arguments).then(
        () => answer({}),
        (error: unknown) => answer({ success: false, message: String(error) }),
      );
      return;
    }
    answer({});
    if (request.command === "disconnect") this.connection?.destroy();
  }

  private attach(to: Message["arguments"]): Promise<void> {
    if (to?.request !== "attach") return Promise.reject(new Error("it is no configuration that attaches"));
    return new Promise((resolve, reject) => {
      this.connection = net.connect(to.port, to.hostName, () => this.connection?.write(greeting));
      this.connection.once("data", (data) => {
        if (data.toString("latin1", 0, greeting.length) !== greeting) { reject(new Error("it is no Java that answers")); return; }
        this.connection?.write(resume);
        resolve();
      });
      this.connection.once("error", reject);
      this.connection.once("close", () => this.sent.fire({ seq: 0, type: "event", event: "terminated" }));
    });
  }

  dispose(): void {
    this.connection?.destroy();
    this.sent.dispose();
  }
}

export function activate(context: vscode.ExtensionContext): void {
  context.subscriptions.push(vscode.debug.registerDebugAdapterDescriptorFactory("java", { createDebugAdapterDescriptor: () => new vscode.DebugAdapterInlineImplementation(new Attaches()) }));
}
