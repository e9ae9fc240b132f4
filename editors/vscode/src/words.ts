/** How states and numbers are put into words. */
import type { Receipt, SessionInfo, Stage, StageTime, State, Target } from "../../../protocol/gen/protocol";

export const stateWords: Record<State, string> = {
  starting: "starting",
  ready: "ready",
  live: "live",
  waiting: "waiting",
  reconnecting: "reconnecting",
  stopping: "stopping",
  ended: "ended",
  failed: "failed",
};

/** Of codicons. */
export const stateIcons: Record<State, string> = {
  starting: "loading~spin",
  ready: "debug-pause",
  live: "plug",
  waiting: "watch",
  reconnecting: "sync~spin",
  stopping: "loading~spin",
  ended: "pass",
  failed: "error",
};

/** While it lasts, and when it is over. */
const stageWords: Record<Stage, [string, string]> = {
  preflight: ["Checking the target", "Checked the target"],
  sandbox: ["Making the sandbox", "Made the sandbox"],
  intercept: ["Asking for the intercept", "Asked for the intercept"],
  agent: ["Waiting for the agent", "The agent is there"],
  tunnel: ["Opening the tunnel", "Opened the tunnel"],
  environment: ["Reading the environment", "Read the environment"],
  debugger: ["Starting the debugger", "Started the debugger"],
  listen: ["Waiting for your program to listen", "Your program listens"],
  switch: ["Switching the Service", "Switched the Service"],
  drain: ["Letting open requests end", "Let open requests end"],
  restore: ["Putting the Service back", "Put the Service back"],
};

export function isOver(info: SessionInfo): boolean {
  return info.state === "ended" || info.state === "failed";
}

/** "shop/cart", or "cart" where the namespace is the context's own. */
export function targetName(target: Target): string {
  return target.namespace ? `${target.namespace}/${target.service}` : target.service;
}

export function stageText({ stage, endedMillis }: StageTime): string {
  const [doing, done] = stageWords[stage];
  return endedMillis ? done : doing;
}

/** How long it took; nothing while it lasts. */
export function stageTook({ beganMillis, endedMillis }: StageTime): string {
  return endedMillis ? span(endedMillis - beganMillis) : "";
}

/** That, and how long after the start it began. */
export function stageTimes(time: StageTime): string {
  const began = span(time.beganMillis);
  return time.endedMillis ? `${stageTook(time)}, at ${began}` : `since ${began}`;
}

/** "27 ms", "1.4 s". */
export function span(millis: number): string {
  return millis < 1000 ? `${millis} ms` : `${(millis / 1000).toFixed(1)} s`;
}

export function receiptLines(receipt: Receipt): string[] {
  const { traffic } = receipt;
  const lines = [
    receipt.restored ? `the Service is as it was before; the origin took calls again after ${receipt.stopMillis} ms` : "the Service is not as it was before:",
    ...(receipt.differences ?? []).map((d) => `- ${d}`),
    `served here: ${plural(traffic.connections, "connection")}, ${plural(traffic.requests, "request")}, ${bytes(traffic.bytesIn)} in, ${bytes(traffic.bytesOut)} out; by the origin meanwhile: ${plural(traffic.origin, "connection")}`,
  ];
  if (receipt.cut > 0) lines.push(`${plural(receipt.cut, "connection")} had to be closed at the end`);
  return lines;
}

export function plural(n: number, noun: string): string {
  return n === 1 ? `1 ${noun}` : `${n} ${noun}s`;
}

export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${i === 0 ? n : n.toFixed(1)} ${units[i] ?? ""}`;
}

/** "5 s", "3 min", "2 h", "4 days". */
export function age(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  return plural(Math.floor(seconds / 86_400), "day");
}
