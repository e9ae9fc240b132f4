/** A target as people write it, made the contract's. Knows nothing of VS Code. */
import type { Target } from "../../../protocol/gen/protocol";

export class BadTarget extends Error {
  constructor(
    readonly field: string,
    message: string,
  ) {
    super(message);
  }
}

const isText = (value: unknown): boolean => typeof value === "string";
const isNumber = (value: unknown): boolean => Number.isInteger(value);
const isTruth = (value: unknown): boolean => typeof value === "boolean";

/** What a field must be, in a check and in words. What else may be there, the server knows. */
const kinds: Record<string, [(value: unknown) => boolean, string]> = {
  context: [isText, "the name of a context of the kubeconfig"],
  namespace: [isText, "a namespace's name"],
  service: [isText, "a Service's name"],
  port: [isText, "a port of the Service, by name or number"],
  localPort: [isNumber, "a whole number"],
  leaseSeconds: [isNumber, "a whole number"],
  inherit: [isTruth, "true or false"],
  viaCluster: [Array.isArray, "a list"],
  viaWorkstation: [Array.isArray, "a list"],
  forwards: [Array.isArray, "a list"],
};

/**
 * Reads a target, from the property of that name: an object, or "service" or "namespace/service".
 * A port may be a number, and a number may be in quotes, as VS Code's variables come to strings.
 */
export function targetOf(written: unknown, property = "target"): Target {
  if (written === undefined || written === null) return { service: "" };
  if (typeof written === "string") return named(written, property);
  if (typeof written !== "object" || Array.isArray(written))
    throw new BadTarget("target", `${JSON.stringify(property)} must be a Service, such as "shop/cart" or {"namespace": "shop", "service": "cart"}, not ${JSON.stringify(written)}`);
  const target: Record<string, unknown> = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined && value !== null));
  if (isNumber(target.port)) target.port = String(target.port);
  for (const [field, [is, words]] of Object.entries(kinds)) {
    const value = target[field];
    if (is === isNumber && typeof value === "string" && /^\d+$/.test(value)) target[field] = Number(value);
    else if (value !== undefined && !is(value) && !isVariable(value)) throw new BadTarget(`target.${field}`, `${JSON.stringify(field)} in ${JSON.stringify(property)} must be ${words}, not ${JSON.stringify(value)}`);
  }
  return { service: "", ...target };
}

function named(written: string, property: string): Target {
  if (isVariable(written)) return { service: written }; // what it comes to is not known yet
  const [first = "", second, ...more] = written.split("/");
  if (more.length > 0 || second === "" || (second !== undefined && first === "")) throw new BadTarget("target", `${JSON.stringify(property)} must be "service" or "namespace/service", not ${JSON.stringify(written)}`);
  return second === undefined ? { service: first } : { namespace: first, service: second };
}

function isVariable(value: unknown): boolean {
  return typeof value === "string" && value.includes("${");
}
