/** The contract's requests and notifications, typed, over a pair of streams. */
import { type CancellationToken, ConnectionError, createMessageConnection, ErrorCodes, type MessageConnection, ResponseError, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import type { ClientMethods, ErrorData, ServerMethods } from "../../../protocol/gen/protocol";
import { ServerError, ServerGone } from "./servererror";

/** What is answered, and what is not. */
export type Request = { [M in keyof ServerMethods]: ServerMethods[M]["result"] extends object ? M : never }[keyof ServerMethods];
export type Notification = Exclude<keyof ServerMethods, Request>;

export class Connection {
  private readonly rpc: MessageConnection;
  private end = "has ended";

  constructor(from: NodeJS.ReadableStream, to: NodeJS.WritableStream) {
    this.rpc = createMessageConnection(new StreamMessageReader(from), new StreamMessageWriter(to));
    // The process's end is what counts, and says how; a pipe that breaks, or is closed, is only its beginning.
    this.rpc.onError(() => undefined);
  }

  listen(): void {
    this.rpc.listen();
  }

  async request<M extends Request>(method: M, params: ServerMethods[M]["params"], token?: CancellationToken): Promise<ServerMethods[M]["result"]> {
    try {
      return await (token ? this.rpc.sendRequest<ServerMethods[M]["result"]>(method, params, token) : this.rpc.sendRequest<ServerMethods[M]["result"]>(method, params));
    } catch (error) {
      throw this.isGone(error) ? new ServerGone(this.end) : numbered(error);
    }
  }

  async notify<M extends Notification>(method: M, params: ServerMethods[M]["params"]): Promise<void> {
    await this.rpc.sendNotification(method, params);
  }

  on<M extends keyof ClientMethods>(method: M, take: (params: ClientMethods[M]["params"]) => void): void {
    this.rpc.onNotification(method, take);
  }

  /** What still waits for an answer fails. `end` says in words what has become of the server. */
  dispose(end: string): void {
    this.end = end;
    this.rpc.dispose();
  }

  private isGone(error: unknown): boolean {
    return error instanceof ConnectionError || (error instanceof ResponseError && error.code === ErrorCodes.PendingResponseRejected);
  }
}

function numbered(error: unknown): unknown {
  if (!(error instanceof ResponseError)) return error;
  const data = error.data as ErrorData | undefined;
  return new ServerError(error.code, error.message, data ?? { showUser: false });
}
