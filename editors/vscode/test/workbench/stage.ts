/** What the stage tells of the cluster: see test/stage in the project's folder. */
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

interface Answer {
  status: number;
  text: string;
}

function ask(question: string, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath: variable("KUBETUNNEL_STAGE"), path: question, method, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    request.on("error", reject);
    request.end();
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

/** Whether the namespace has room for an agent. */
export async function room(there: boolean): Promise<void> {
  const { status, text } = await ask("/full", there ? "DELETE" : "PUT");
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
