/**
 * The window's one tunnel-server: started when it is first needed, started again with
 * longer and longer pauses when it dies, and ended in an orderly way. Knows nothing of VS Code.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { protocolVersion, type InitializeParams, type InitializeResult } from "../../../protocol/gen/protocol";
import type { Connection } from "./connection";

/** How a server is started, asked anew each time: settings change. */
export interface Launch {
  path: string;
  args?: string[];
  cwd?: string;
  kubeconfig?: string;
}

export interface ServerEvents {
  /** A server is there, before anything is asked of it. */
  connected(connection: Connection): void;
  initialized(result: InitializeResult): void;
  /** It has ended by itself. `giveUp`: it is not started again until it is asked something. */
  died(how: string, giveUp: boolean): void;
  log(line: string): void;
}

/** Pauses before it is started again; one that has lived for `steady` starts from the first. */
const pauses = [200, 1000, 3000, 10_000];
const steady = 60_000;
/** What it may take to end its sessions before it is killed. VS Code itself waits for 5 s. */
const endTimeout = 4500;

export class Server {
  private running?: Promise<Connection>;
  private child?: ChildProcess;
  private deaths = 0;
  private again?: NodeJS.Timeout;
  private stopping?: Promise<void>;
  private ended = false;

  constructor(
    private readonly launch: () => Launch,
    private readonly client: () => Omit<InitializeParams, "protocolVersion" | "processId">,
    private readonly events: ServerEvents,
  ) {}

  /** The process, for who wants to look at it. */
  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** The connection to the server, which is started if it isn't there. */
  connection(): Promise<Connection> {
    if (this.ended) return Promise.reject(closing());
    if (this.stopping) return this.stopping.then(() => this.connection());
    clearTimeout(this.again);
    this.running ??= this.startOnce();
    return this.running;
  }

  /** Starts it; where that fails, the next question tries anew. */
  private startOnce(): Promise<Connection> {
    const starting = this.start();
    starting.catch(() => {
      if (this.running === starting) this.running = undefined;
    });
    return starting;
  }

  private async start(): Promise<Connection> {
    const how = this.launch();
    const began = Date.now();
    // Loaded when it is needed: a window where nobody debugs does not wait for it.
    const { Connection } = await import("./connection.js");
    if (this.ended) throw closing();
    // The environment is that of the extension host: what the user's shell has, as VS Code has found it.
    const child = spawn(how.path, [...(how.args ?? []), "--stdio"], { cwd: how.cwd, stdio: ["pipe", "pipe", "pipe"] });
    this.child = child;
    const connection = new Connection(child.stdout, child.stdin);
    const dead = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`can't be started: ${error.message}`));
      child.once("exit", (code, signal) => resolve(signal ? `was ended by ${signal}` : `ended with code ${code ?? "unknown"}`));
    });
    child.stdin.on("error", () => undefined); // its end is told by exit
    pipeLines(child.stderr, (line) => this.events.log(line));
    let reason: string | undefined;
    void dead.then((how) => {
      reason = how;
      connection.dispose(how);
      if (this.child !== child) return;
      this.child = undefined;
      this.running = undefined;
      this.fell(how, Date.now() - began);
    });
    // What could not be started is not spoken to.
    await Promise.race([once(child, "spawn").catch(() => undefined), dead]);
    const died = (): Error => new Error(`tunnel-server (${how.path}) ${reason ?? ""}`);
    if (reason !== undefined) throw died();
    this.events.connected(connection);
    connection.listen();
    const asked = connection.request("initialize", { protocolVersion, processId: process.pid, ...(how.kubeconfig ? { kubeconfig: how.kubeconfig } : {}), ...this.client() });
    const result = await asked.catch((error: unknown) => {
      if (reason !== undefined) throw died();
      // One that refuses is not asked again by itself: the next question starts another.
      if (this.child === child) {
        this.child = undefined;
        this.running = undefined;
        child.kill();
      }
      throw error;
    });
    await connection.notify("initialized", {});
    this.events.initialized(result);
    return connection;
  }

  private fell(reason: string, lived: number): void {
    if (this.ended) return;
    this.deaths = lived > steady ? 1 : this.deaths + 1;
    const pause = pauses[this.deaths - 1];
    this.events.died(reason, pause === undefined);
    if (pause === undefined) {
      this.deaths = 0;
      return;
    }
    this.again = setTimeout(() => {
      this.connection().catch((error: unknown) => this.events.log(String(error)));
    }, pause);
  }

  /** Ends the server: every session is over, and its Service back, when it is done. */
  async end(): Promise<void> {
    this.ended = true;
    await this.stopping;
    await this.stop();
  }

  /** Ends it as well, but the next question starts another, by what holds then. */
  restart(): Promise<void> {
    this.stopping ??= this.stop().finally(() => (this.stopping = undefined));
    return this.stopping;
  }

  private async stop(): Promise<void> {
    clearTimeout(this.again);
    this.deaths = 0;
    // One that is only about to be spawned knows by itself that the window closes.
    if (!this.child && !this.ended) await this.running?.catch(() => undefined);
    const { child, running } = this;
    if (!child || !running) return;
    // Its end is not a death.
    this.child = undefined;
    this.running = undefined;
    const gone = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    const killer = setTimeout(() => child.kill("SIGKILL"), endTimeout);
    try {
      const connection = await running;
      await connection.request("shutdown", {});
      await connection.notify("exit", {});
    } catch {
      child.stdin?.end(); // it ends its sessions when its editor is gone
    }
    await gone;
    clearTimeout(killer);
  }
}

function closing(): Error {
  return new Error("the window is closing");
}

function pipeLines(stream: NodeJS.ReadableStream, take: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  });
  stream.on("end", () => {
    if (rest) take(rest);
  });
}
