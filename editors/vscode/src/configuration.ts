/** Launch configurations on their way to a session. What they come to, the server decides. */
import * as vscode from "vscode";
import type { Target } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { type Configuration, inlined, merged } from "./byname";
import { pickDebug, pickService, suggestions } from "./pick";
import type { Problems } from "./problems";

export const debugType = "kubetunnel";

/** What a configuration of our type is once the server has resolved it, for the adapter's factory. */
export interface Resolved {
  target: Target;
  /** The configuration that the server launches, or has launched. */
  launch: Configuration;
  mode: "proxy" | "launcher";
}

export class ConfigurationProvider implements vscode.DebugConfigurationProvider {
  constructor(
    private readonly backend: Backend,
    private readonly problems: Problems,
    private readonly trigger: "initial" | "dynamic",
  ) {}

  /** For a new launch.json one that is asked for; otherwise one for each Service that is at hand. */
  async provideDebugConfigurations(folder: vscode.WorkspaceFolder | undefined, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration[]> {
    if (this.trigger === "initial") {
      const made = await this.problems.guard(() => this.ask(folder, {}, token));
      return made ? [made] : [];
    }
    try {
      const { services } = await this.backend.request("cluster/services", {}, token);
      const [first] = await suggestions(this.backend, { service: "" }, folder, token);
      if (!first) return [];
      return services
        .filter((s) => !s.notInterceptable)
        .map((s) => ({ ...first.configuration, name: `Debug ${s.name} in cluster`, target: { namespace: s.namespace, service: s.name } }));
    } catch {
      return []; // a list of ideas is no place for errors
    }
  }

  async resolveDebugConfiguration(folder: vscode.WorkspaceFolder | undefined, given: vscode.DebugConfiguration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    if (this.trigger === "dynamic") return given; // one provider does it
    return this.problems.guard(async () => {
      const asked = await this.ask(folder, given, token);
      return asked && (inlined(asked, launchConfigurations(folder), process.platform) as vscode.DebugConfiguration);
    });
  }

  async resolveDebugConfigurationWithSubstitutedVariables(folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    if (this.trigger === "dynamic" || isResolved(config)) return config;
    return this.problems.guard(() => resolved(this.backend, this.problems, folder, config, token));
  }

  /** Asks for what the configuration does not say. */
  private async ask(folder: vscode.WorkspaceFolder | undefined, given: Configuration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    let target = given.target as Target | undefined;
    if (!target?.service) {
      const picked = await pickService(this.backend, token, target?.context, target?.namespace);
      if (!picked) return undefined;
      target = { ...target, ...picked };
    }
    let { debug } = given;
    if (debug === undefined) {
      const picked = await pickDebug(this.backend, target, folder, launchConfigurations(folder), token);
      if (!picked) return undefined;
      debug = picked.debug;
    }
    const name = typeof given.name === "string" && given.name !== "" ? given.name : `Debug ${target.service} in cluster`;
    return { ...given, type: debugType, request: "launch", name, target, debug };
  }
}

/** Any configuration with a "kubetunnel" block is debugged in the cluster. Its own providers have done their part before. */
export class BlockProvider implements vscode.DebugConfigurationProvider {
  constructor(
    private readonly backend: Backend,
    private readonly problems: Problems,
  ) {}

  async resolveDebugConfigurationWithSubstitutedVariables(folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    const { kubetunnel, ...debug } = config;
    if (config.type === debugType || typeof kubetunnel !== "object" || kubetunnel === null) return config;
    const outer = inlined({ type: debugType, request: "launch", name: config.name, target: kubetunnel as Target, debug }, [], process.platform);
    return this.problems.guard(() => resolved(this.backend, this.problems, folder, outer as vscode.DebugConfiguration, token));
  }
}

/** The key under which a configuration keeps what is for us, and which the server takes away again. */
const resolvedKey = "kubetunnel";

function isResolved(configuration: vscode.DebugConfiguration): boolean {
  return (configuration[resolvedKey] as Partial<Resolved> | undefined)?.mode !== undefined;
}

export function resolvedOf(configuration: vscode.DebugConfiguration): Resolved {
  return configuration[resolvedKey] as Resolved;
}

/**
 * Asks the server what to launch. An editor hands the whole configuration to the debug
 * adapter, so it is the adapter's own, and only what VS Code needs is ours.
 */
async function resolved(backend: Backend, problems: Problems, folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
  const { type, name, request, target, debug, ...window } = config as vscode.DebugConfiguration & { target: Target; debug: Configuration };
  const result = await backend.request("session/resolve", { target, launch: debug, ...(folder ? { folder: folder.uri.fsPath } : {}) }, token);
  const wrong = result.diagnostics?.find((d) => d.severity === "error");
  if (wrong) {
    problems.tell(wrong, [], target.context);
    return undefined;
  }
  const launch = result.launch as Configuration;
  const ours: Resolved = { target, launch, mode: result.mode ?? "proxy" };
  return { ...(ours.mode === "proxy" ? launch : {}), ...window, type, request, name, [resolvedKey]: ours };
}

/** What launch.json, or a workspace's "launch" section, has. */
export function launchConfigurations(folder: vscode.WorkspaceFolder | undefined): Configuration[] {
  const scopes = vscode.workspace.getConfiguration("launch", folder).inspect("configurations");
  return merged(scopes?.workspaceFolderValue, scopes?.workspaceValue, scopes?.globalValue);
}
