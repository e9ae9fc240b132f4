/** Where things are in a launch.json: VS Code's own JSON support knows. */
import * as vscode from "vscode";
import type { Target } from "../../../protocol/gen/protocol";
import { type Configuration, inlined, merged, UnknownName } from "./byname";
import { debugType, launchConfigurations } from "./configuration";
import { parsed } from "./jsonc";
import { BadTarget, targetOf } from "./target";

export const launchFile: vscode.DocumentSelector = { scheme: "file", pattern: "**/.vscode/launch.json" };

/** A configuration that is debugged in the cluster, and where its parts are. */
export interface Place {
  index: number;
  target: Target;
  /** Undefined where it can't be looked at before a start. */
  debug?: Configuration;
  /** What keeps it from being looked at by the server, and of which field that is. */
  wrong: { field: string; message: string }[];
  /** The range of a field such as "target.port"; of the next one around it that is there. */
  range(field: string): vscode.Range;
  /** The keys that lead to a field in the file. */
  path(field: string): (string | number)[];
}

/** The configurations of a launch.json that are ours. */
export async function places(document: vscode.TextDocument): Promise<Place[]> {
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  const text = parsed(document.getText());
  const all = (text?.configurations ?? []) as unknown[];
  if (!all.some(isOurs)) return [];
  const symbols = (await vscode.commands.executeCommand<vscode.DocumentSymbol[] | undefined>("vscode.executeDocumentSymbolProvider", document.uri)) ?? [];
  const list = symbols.find((s) => s.name === "configurations");
  const configurations = merged(all, launchConfigurations(folder)); // the file may not be saved yet
  return all.flatMap((given, index) => {
    if (!isOurs(given)) return [];
    const symbol = list?.children[index];
    const typed = given.type === debugType;
    const at = typed ? ["target"] : ["kubetunnel"];
    const debugAt = typed ? ["debug"] : [];
    const pathOf = (field: string): string[] => {
      const [root, ...rest] = field.split(".");
      return root === "target" ? [...at, ...rest] : root === "launch" ? [...debugAt, ...rest] : [];
    };
    const place: Place = {
      index,
      target: { service: "" },
      wrong: [],
      range: (field) => rangeOf(symbol, pathOf(field)) ?? new vscode.Range(0, 0, 0, 1),
      path: (field) => ["configurations", index, ...pathOf(field)],
    };
    try {
      place.target = typed ? targetOf(given.target) : targetOf(given.kubetunnel, "kubetunnel");
    } catch (error) {
      if (error instanceof BadTarget) place.wrong.push({ field: error.field, message: error.message });
    }
    try {
      const debug = typed ? inlined(given, configurations, process.platform).debug : withoutBlock(given);
      if (typeof debug === "object" && debug !== null && !holdsVariables(debug, folder)) place.debug = debug as Configuration;
    } catch (error) {
      if (error instanceof UnknownName) place.wrong.push({ field: "launch", message: error.message });
    }
    return [place];
  });
}

function isOurs(value: unknown): value is Configuration {
  if (typeof value !== "object" || value === null) return false;
  const configuration = value as Configuration;
  return configuration.type === debugType || (configuration.kubetunnel !== undefined && configuration.kubetunnel !== null);
}

function withoutBlock(configuration: Configuration): Configuration {
  return Object.fromEntries(Object.entries(configuration).filter(([k]) => k !== "kubetunnel"));
}

/** What only VS Code can put in is not known before a start; the workspace's folder the server knows. */
export function holdsVariables(value: unknown, folder?: vscode.WorkspaceFolder): boolean {
  const text = JSON.stringify(value).replaceAll("${workspaceFolder}", "").replaceAll(`\${workspaceFolder:${folder?.name ?? ""}}`, "");
  return text.includes("${");
}

/** The value at a path, or the next thing around it that is there. */
function rangeOf(symbol: vscode.DocumentSymbol | undefined, path: string[]): vscode.Range | undefined {
  if (!symbol) return undefined;
  let at = symbol;
  for (const name of path) {
    const child = at.children.find((c) => c.name === name);
    if (!child) break;
    at = child;
  }
  // The whole of a configuration would be too much red.
  return at.range.isSingleLine ? at.range : new vscode.Range(at.range.start, at.range.start.translate(0, 1));
}
