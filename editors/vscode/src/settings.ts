/** Paths in settings: VS Code replaces no variables there. Knows nothing of VS Code. */
import * as os from "node:os";
import * as path from "node:path";

interface Folder {
  name: string;
  path: string;
}

/** A path as it is meant: with the home folder and the workspace's folders in it. */
export function expanded(written: string, folders: Folder[], home = os.homedir()): string {
  const inHome = written.trim().replace(/^~(?=$|[\\/])/, () => home);
  const plain = inHome.replace(/\$\{workspaceFolder(?::([^}]*))?\}/g, (variable, name?: string) => (name === undefined ? folders[0] : folders.find((f) => f.name === name))?.path ?? variable);
  return plain === inHome ? plain : path.normalize(plain);
}
