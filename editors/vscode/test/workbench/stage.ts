/** What the stage tells of the cluster: see test/stage in the project's folder. */
import * as fs from "node:fs";
import * as http from "node:http";
import * as path from "node:path";

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: these tests are run by make test-vscode`);
  return value;
}

export const root = variable("KUBETUNNEL_ROOT_FOLDER");
export const stageFolder = path.dirname(variable("KUBETUNNEL_STAGE"));
export const kubeconfig = variable("KUBECONFIG");
export const adminKubeconfig = variable("KUBETUNNEL_ADMIN_KUBECONFIG");
export const operatorImage = variable("KUBETUNNEL_OPERATOR_IMAGE");

interface Answer {
  status: number;
  text: string;
}

function ask(question: string, method = "GET", body = ""): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath: variable("KUBETUNNEL_STAGE"), path: question, method, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end(body);
  });
}

/** Lets a client in the cluster call, on a connection of its own. */
export async function call(url: string): Promise<{ servedBy: string }> {
  const { status, text } = await ask(`/call?url=${encodeURIComponent(url)}`);
  if (status !== 200) throw new Error(`${url}: ${text}`);
  return JSON.parse(text) as { servedBy: string };
}

/** Whether the answer came from this workstation: there a program has the agent's name. */
export function here({ servedBy }: { servedBy: string }): boolean {
  return servedBy.startsWith("kt-");
}

/** Calls until this workstation answers: the nodes follow the switch of a Service a moment later. */
export function callHere(url: string): Promise<{ servedBy: string }> {
  return until(`an answer of this workstation to ${url}`, async () => {
    const answer = await call(url);
    if (!here(answer)) throw new Error(`${answer.servedBy} has answered`);
    return answer;
  });
}

/** What a cluster can be like: no room for an agent, no node for it, no right for the user, no operator that runs, none installed, no network. */
export type State = "full" | "held" | "denied" | "silent" | "bare" | "cut" | "another";

/** Plays while the cluster is in a state. */
export async function within(state: State, play: () => Promise<void>): Promise<void> {
  try {
    await done(ask(`/${state}`, "PUT"));
    await play();
  } finally {
    await done(ask(`/${state}`, "DELETE"));
  }
}

/** Applies documents as the cluster's admin does. */
export async function apply(documents: string): Promise<void> {
  await done(ask("/apply", "PUT", documents));
}

async function done(answer: Promise<Answer>): Promise<void> {
  const { status, text } = await answer;
  if (status !== 200) throw new Error(text);
}

/** Waits until a Service is as it was, and nothing of the operator's is left beside it. */
export async function restored(service: string): Promise<void> {
  await until(`Service ${service} to be as it was`, async () => {
    const { status, text } = await ask(`/same?service=${service}`);
    if (status !== 200) throw new Error(text);
  });
}

export async function nothingLeft(): Promise<void> {
  await until("the agents to go", async () => {
    const { text } = await ask("/left");
    if ((JSON.parse(text) as string[]).length > 0) throw new Error(`there are ${text}`);
  });
}

/** Asks until it doesn't fail any more. The last failure is told. */
export async function until<T>(what: string, ask: () => Promise<T> | T, limit = 60_000): Promise<T> {
  const end = Date.now() + limit;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited for ${what}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

interface Row {
  name: string;
  value: number;
  unit: string;
}

/** Writes what was measured into build/vscode.json, in the place of an earlier row of that name. */
export function measured(row: Row): void {
  const file = path.join(root, "build", "vscode.json");
  const rows = fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, "utf8")) as { rows: Row[] }).rows : [];
  fs.writeFileSync(file, `${JSON.stringify({ rows: [...rows.filter((r) => r.name !== row.name), row] }, null, 2)}\n`);
}
