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

/** A property's name, or the number of an item. */
type Key = string | number;

interface Value {
  start: number;
  end: number;
  /** Under what it is in the value around it. */
  at: Key | undefined;
  children: Map<Key, Value>;
}

interface Open extends Value {
  array: boolean;
  /** Of the next value. */
  key: Key | undefined;
  word: string | undefined;
}

const tokens = /"(?:[^"\\\n]|\\.)*"?|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[{}[\]:,]|[^\s{}[\]:,"/]+|\//g;

/** What is in a text that may be half written, and which of it is still open at its end. */
function scanned(text: string): { root: Value | undefined; open: Value[] } {
  const open: Open[] = [];
  let root: Value | undefined;
  for (const { 0: token, index } of text.matchAll(tokens)) {
    if (token.startsWith("//") || token.startsWith("/*")) continue;
    const end = index + token.length;
    const around = open.at(-1);
    if (token === "}" || token === "]") {
      const done = open.pop();
      if (done) done.end = end;
    } else if (token === ":") {
      if (around) around.key = around.word;
    } else if (token === ",") {
      if (around) around.key = around.array ? Number(around.key) + 1 : undefined;
    } else if (around && around.key === undefined) around.word = unquoted(token);
    else {
      const value: Open = { start: index, end, at: around?.key, children: new Map(), array: token === "[", key: token === "[" ? 0 : undefined, word: undefined };
      root ??= value;
      if (around?.key !== undefined) around.children.set(around.key, value);
      // Without the comma that is still to be written, the next word is a name.
      if (around && !around.array) around.key = undefined;
      if (token !== "{" && token !== "[") continue;
      value.end = text.length;
      open.push(value);
    }
  }
  return { root, open };
}

function unquoted(token: string): string {
  try {
    return String(JSON.parse(token));
  } catch {
    return token;
  }
}

/** The keys of the objects and lists around an offset: ["configurations", 0, "target"]. */
export function pathAt(text: string, offset: number): Key[] {
  return scanned(text.slice(0, offset)).open.flatMap(({ at }) => at ?? []);
}

/** Where the value at a path is. */
export function located(text: string, path: Key[]): { start: number; end: number } | undefined {
  let value = scanned(text).root;
  for (const key of path) value = value?.children.get(key);
  return value && { start: value.start, end: value.end };
}

/** What to write where for the value at a path to be another one. Undefined: there is no place for it. */
export function edited(text: string, path: Key[], value: string): { start: number; end: number; text: string } | undefined {
  const there = located(text, path);
  if (there) return { ...there, text: JSON.stringify(value) };
  const around = located(text, path.slice(0, -1));
  const name = path.at(-1);
  if (!around || text[around.start] !== "{" || typeof name !== "string") return undefined;
  const inside = text.slice(around.start + 1, around.end);
  const blank = /^\s*/.exec(inside)?.[0] ?? "";
  const property = `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
  const start = around.start + 1;
  return { start, end: start, text: inside.startsWith("}", blank.length) ? ` ${property}${blank || " "}` : `${blank}${property},` };
}
