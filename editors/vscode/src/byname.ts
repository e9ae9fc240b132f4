/**
 * Launch configurations that refer to another one of the same file by its name. This is
 * VS Code's own language of launch.json; what a configuration means is the server's.
 */
export type Configuration = Record<string, unknown>;

export class UnknownName extends Error {
  constructor(
    readonly wanted: string,
    readonly known: string[],
    /** It is there, but is one that is debugged in the cluster itself. */
    own = false,
  ) {
    super(`${own ? `the configuration ${JSON.stringify(wanted)} is itself debugged in the cluster, and can't be what "debug" names` : `launch.json has no configuration ${JSON.stringify(wanted)}`}${known.length > 0 ? `; ${own ? "there are" : "it has"} ${known.map((n) => JSON.stringify(n)).join(", ")}` : ""}`);
  }
}

/** What VS Code does before and after a session, and how it shows it. */
const ofTheWindow = ["preLaunchTask", "postDebugTask", "internalConsoleOptions", "presentation", "serverReadyAction", "suppressMultipleSessionWarning"];

/**
 * The configuration with what it refers to in its place. Tasks and the like of the other
 * one are done for this one, unless it has its own.
 */
export function inlined(configuration: Configuration, all: Configuration[], platform: NodeJS.Platform): Configuration {
  let debug = configuration.debug;
  const out = { ...configuration };
  if (typeof debug === "string") {
    const name = debug;
    const found = all.find((c) => c.name === name && c.type !== configuration.type);
    if (!found) {
      const known = all.filter((c) => c.type !== configuration.type).map((c) => String(c.name));
      throw new UnknownName(name, known, all.some((c) => c.name === name));
    }
    debug = found;
  }
  if (typeof debug !== "object" || debug === null || Array.isArray(debug)) return out;
  const inner = forPlatform(debug as Configuration, platform);
  for (const key of ofTheWindow) out[key] ??= inner[key];
  // Its block would make a session of its own of what is launched in this one.
  out.debug = Object.fromEntries(Object.entries(inner).filter(([key]) => key !== "kubetunnel" && !ofTheWindow.includes(key)));
  return Object.fromEntries(Object.entries(out).filter(([, value]) => value !== undefined));
}

/** The configurations of several scopes, the closest first: it counts where they have one of the same name. */
export function merged(...scopes: unknown[]): Configuration[] {
  const had = new Set<string>();
  return scopes
    .flatMap((scope): unknown[] => (Array.isArray(scope) ? scope : []))
    .filter((c): c is Configuration => typeof c === "object" && c !== null)
    .filter(({ name, type }) => {
      const key = JSON.stringify([name, type]);
      return !had.has(key) && had.add(key);
    });
}

/** A configuration may say other things for a system: VS Code heeds that of an outer one only. */
function forPlatform(configuration: Configuration, platform: NodeJS.Platform): Configuration {
  const { windows, osx, linux, ...rest } = configuration;
  const own = platform === "win32" ? windows : platform === "darwin" ? osx : linux;
  return typeof own === "object" && own !== null ? { ...rest, ...(own as Configuration) } : rest;
}
