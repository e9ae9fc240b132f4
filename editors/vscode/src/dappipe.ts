/** The way to a debug adapter that listens on a pipe or a socket's file. Knows nothing of VS Code. */
import { once } from "node:events";
import * as net from "node:net";
import type { Message } from "vscode-jsonrpc/node";

export interface Pipe {
  send(message: object): void;
  end(): void;
}

/** Connects. Messages are framed as those of JSON-RPC are; what they say is nobody's concern here. */
export async function openPipe(address: string, take: (message: object) => void, closed: () => void): Promise<Pipe> {
  // Loaded when it is needed, as the server's connection is.
  const { StreamMessageReader, StreamMessageWriter } = await import("vscode-jsonrpc/node.js");
  const socket = net.createConnection(address);
  await once(socket, "connect");
  socket.on("error", () => undefined); // its end is told by close
  socket.on("close", closed);
  const writer = new StreamMessageWriter(socket);
  new StreamMessageReader(socket).listen(take);
  return {
    send: (message) => void writer.write(message as Message).catch(() => undefined),
    end: () => socket.end(),
  };
}
