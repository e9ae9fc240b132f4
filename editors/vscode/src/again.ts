/** A configuration to start once more. */
import type { Target } from "../../../protocol/gen/protocol";
import type { Configuration } from "./byname";

/**
 * What a session was started with, as it was before it was resolved: tasks, noDebug and how it
 * is shown are the outer configuration's, and the debugger's part is again for the server to see to.
 */
export function outerOf(configuration: Configuration, { target, launch }: { target: Target; launch: Configuration }): Configuration {
  const own = Object.entries(configuration).filter(([key, value]) => key !== "kubetunnel" && !key.startsWith("__") && (isFace(key) || !same(value, launch[key])));
  return { ...Object.fromEntries(own), target, debug: launch };
}

/** What both have, and each for itself. */
function isFace(key: string): boolean {
  return key === "type" || key === "request" || key === "name";
}

export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
