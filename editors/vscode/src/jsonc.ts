import type { Configuration } from "./byname";

/** Reads JSON with comments and commas at the end, as VS Code does. */
export function parsed(text: string): Configuration | undefined {
  const plain = text.replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, (_, string: string | undefined) => string ?? " ").replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, (_, string: string | undefined) => string ?? "");
  try {
    return JSON.parse(plain) as Configuration;
  } catch {
    return undefined;
  }
}
