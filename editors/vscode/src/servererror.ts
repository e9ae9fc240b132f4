import type { ErrorData } from "../../../protocol/gen/protocol";

/** ServerError is what tunnel-server answers when it can't: its number, its words, and what to do. */
export class ServerError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly data: ErrorData,
  ) {
    super(message);
    this.name = "ServerError";
  }

  /** As people see it: "KT1201: there is no Service …". */
  get shown(): string {
    return this.code > 0 ? `KT${this.code}: ${this.message}` : this.message;
  }
}

/** ServerGone is what a request comes to whose server ends before it has answered. */
export class ServerGone extends Error {
  constructor(how: string) {
    super(`tunnel-server ${how} before it had answered`);
    this.name = "ServerGone";
  }
}
