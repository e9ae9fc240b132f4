/** Launch configurations on their way to a session. What they come to, the server decides. */
import * as vscode from "vscode";
import type { Target } from "../../../protocol/gen/protocol";
import type { Backend } from "./backend";
import { type Configuration, inlined, merged } from "./byname";
import { pickDebug, pickService, suggestions } from "./pick";
import { openLaunchButton, type Problems } from "./problems";
import { BadTarget, targetOf } from "./target";

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
    return guarded(this.problems, async () => {
      const asked = await this.ask(folder, given, token);
      return asked && (inlined(asked, launchConfigurations(folder), process.platform) as vscode.DebugConfiguration);
    });
  }

  async resolveDebugConfigurationWithSubstitutedVariables(folder: vscode.WorkspaceFolder | undefined, config: vscode.DebugConfiguration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    if (this.trigger === "dynamic" || isResolved(config)) return config;
    return guarded(this.problems, () => resolved(this.backend, this.problems, folder, config, token), contextOf(config.target));
  }

  /** Asks for what the configuration does not say. */
  private async ask(folder: vscode.WorkspaceFolder | undefined, given: Configuration, token?: vscode.CancellationToken): Promise<vscode.DebugConfiguration | undefined> {
    let target = targetOf(given.target);
    let written = given.target; // with VS Code's variables in it
    if (!target.service) {
      const picked = await pickService(this.backend, token, target.context, target.namespace);
      if (!picked) return undefined;
      written = target = { ...target, ...picked };
    }
    let { debug } = given;
    if (debug === undefined) {
      const picked = await pickDebug(this.backend, target, folder, launchConfigurations(folder), token);
      if (!picked) return undefined;
      debug = picked.debug;
    }
    const name = typeof given.name === "string" && given.name !== "" ? given.name : `Debug ${target.service} in cluster`;
    return { ...given, type: debugType, request: "launch", name, target: written, debug };
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
    if (config.type === debugType || kubetunnel === undefined || kubetunnel === null) return config;
    return guarded(this.problems, () => {
      const outer = inlined({ type: debugType, request: "launch", name: config.name, target: targetOf(kubetunnel, "kubetunnel"), debug }, [], process.platform);
      return resolved(this.backend, this.problems, folder, outer as vscode.DebugConfiguration, token);
    }, contextOf(kubetunnel));
  }
}

/** What is wrong in a launch.json is told with the way there. */
function guarded<T>(problems: Problems, work: () => Promise<T>, context?: string): Promise<T | undefined> {
  return problems.guard(async () => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BadTarget)) throw error;
      problems.tell({ code: 0, message: error.message }, [openLaunchButton()]);
      return undefined;
    }
  }, context);
}

/** The context of a target as it is written. */
function contextOf(target: unknown): string | undefined {
  const { context } = typeof target === "object" && target !== null ? (target as Partial<Target>) : {};
  return typeof context === "string" ? context : undefined;
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
  const { type, name, target: written, debug, ...window } = config as vscode.DebugConfiguration & { debug: Configuration };
  const target = targetOf(written);
  const result = await backend.request("session/resolve", { target, launch: debug, ...(folder ? { folder: folder.uri.fsPath } : {}) }, token);
  const wrong = result.diagnostics?.find((d) => d.severity === "error");
  if (wrong) {
    problems.tell(wrong, [], target.context);
    return undefined;
  }
  const launch = result.launch as Configuration;
  const ours: Resolved = { target, launch, mode: result.mode ?? "proxy" };
  // VS Code asks the adapter for the request of this configuration, whatever the type's schema
  // says. Where the debugger is the editor's, the child has its own, and this one starts it.
  const request = ours.mode === "proxy" && launch.request === "attach" ? "attach" : "launch";
  return { ...(ours.mode === "proxy" ? launch : {}), ...window, type, request, name, [resolvedKey]: ours };
}

/** What launch.json, a workspace's "launch" section and the user's settings have: VS Code's own list has them all. */
export function launchConfigurations(folder: vscode.WorkspaceFolder | undefined): Configuration[] {
  const scopes = vscode.workspace.getConfiguration("launch", folder).inspect("configurations");
  return merged(scopes?.workspaceFolderValue, scopes?.workspaceValue, scopes?.globalValue);
}
