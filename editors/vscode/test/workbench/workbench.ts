/** A real VS Code workbench: code-server with the extension's package installed, and a browser as its window. */
import * as assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { test } from "node:test";
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from "playwright-core";
import { callHere, kubeconfig, nothingLeft, restored, root, stageFolder, until } from "./stage";

const entry = process.env.KUBETUNNEL_CODE_SERVER ?? "";
const vsix = process.env.KUBETUNNEL_VSIX ?? "";
const pictures = path.join(root, "build", "vscode");

/** What a step may take: the machine may be busy, and a Go program is built. */
export const patience = 60_000;

export class Workbench {
  private browser?: Browser;
  private server?: ChildProcess;
  private port = 0;
  private readonly windows: Window[] = [];
  /** Below the stage's own, which goes also when a run is killed. */
  readonly folder = fs.mkdtempSync(path.join(stageFolder, "w-"));

  /** Starts the server, and installs the extension as a user does. `trust`: it asks whether a folder is trusted. */
  async start(settings: Record<string, unknown> = {}, { trust = false } = {}): Promise<void> {
    const user = path.join(this.folder, "data", "User");
    fs.mkdirSync(user, { recursive: true });
    fs.mkdirSync(this.home);
    fs.mkdirSync(this.temporary);
    // VS Code asks the user's shell for the environment, and root's sets PATH anew.
    fs.writeFileSync(path.join(this.home, ".bash_profile"), `export PATH=${JSON.stringify(process.env.PATH)}\n`);
    fs.writeFileSync(path.join(this.folder, "config.yaml"), "cert: false\n");
    fs.writeFileSync(
      path.join(user, "settings.json"),
      JSON.stringify({
        "workbench.startupEditor": "none",
        "workbench.colorTheme": "Default Dark Modern",
        "extensions.autoUpdate": false,
        "extensions.ignoreRecommendations": true,
        "debug.internalConsoleOptions": "openOnSessionStart",
        "debug.toolBarLocation": "floating",
        "git.enabled": false,
        "files.autoSave": "off",
        "remote.autoForwardPorts": false,
        "security.workspace.trust.enabled": trust,
        "security.workspace.trust.startupPrompt": "never",
        "telemetry.telemetryLevel": "off",
        "workbench.enableExperiments": false,
        "chat.commandCenter.enabled": false,
        ...where(settings, (name) => !ofMachine(name)),
      }),
    );
    fs.mkdirSync(path.join(this.folder, "data", "Machine"));
    fs.writeFileSync(path.join(this.folder, "data", "Machine", "settings.json"), JSON.stringify(where(settings, ofMachine)));
    execFileSync(process.execPath, [entry, ...this.places(), "--install-extension", vsix], { env: this.env(), stdio: "pipe" });
    this.port = await freePort();
    const log = fs.openSync(path.join(this.folder, "server.log"), "w");
    this.server = spawn(
      process.execPath,
      [entry, ...this.places(), "--bind-addr", `127.0.0.1:${this.port}`, "--auth", "none", "--disable-telemetry", "--disable-update-check", ...(trust ? [] : ["--disable-workspace-trust"]), "--disable-getting-started-override"],
      { env: this.env(), stdio: ["ignore", log, log], detached: true },
    );
    await until("code-server", async () => {
      const answer = await fetch(`http://127.0.0.1:${this.port}/healthz`);
      if (!answer.ok) throw new Error(String(answer.status));
    });
    this.browser = await chromium.launch({
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
  }

  private places(): string[] {
    const { folder } = this;
    return ["--user-data-dir", path.join(folder, "data"), "--extensions-dir", path.join(folder, "ext"), "--config", path.join(folder, "config.yaml"), "--session-socket", path.join(folder, "sess.sock")];
  }

  /** A developer's environment: kubeconfig, Go with its caches, Delve. */
  private env(): NodeJS.ProcessEnv {
    const go = JSON.parse(execFileSync("go", ["env", "-json", "GOCACHE", "GOMODCACHE", "GOPATH"], { encoding: "utf8" })) as Record<string, string>;
    return { ...process.env, ...go, HOME: this.home, TMPDIR: this.temporary, KUBECONFIG: kubeconfig, EXTENSIONS_GALLERY: "{}" };
  }

  /** Opens a window on a folder, or on a workspace's file. Each has an extension host, and a tunnel-server, of its own. */
  async open(folder: string, size = { width: 1280, height: 800 }): Promise<Window> {
    if (!this.browser) throw new Error("not started");
    const context = await this.browser.newContext({ viewport: size, deviceScaleFactor: 1 });
    await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: `http://127.0.0.1:${this.port}` });
    const page = await context.newPage();
    const window = new Window(page, context, `http://127.0.0.1:${this.port}/?${folder.endsWith(".code-workspace") ? "workspace" : "folder"}=${encodeURIComponent(folder)}`);
    this.windows.push(window);
    await window.loadFolders();
    return window;
  }

  /** Runs a script inside an extension host that has the extension of a folder; the code is 0 when it has passed. */
  async runInHost(folder: string, extensions: string[], script: string): Promise<{ code: number; lines: string[] }> {
    if (!this.browser) throw new Error("not started");
    const page = await this.browser.newPage();
    page.setDefaultTimeout(patience);
    const lines: string[] = [];
    await page.exposeFunction("codeAutomationLog", (_: string, args: unknown[]) => lines.push(args.map(String).join(" ")));
    const exit = new Promise<number>((resolve, reject) => {
      page.exposeFunction("codeAutomationExit", resolve).catch(reject);
      page.on("close", () => reject(new Error("the page was closed")));
    });
    const there = (place: string): string => `vscode-remote://127.0.0.1:${this.port}${place}`;
    const payload = JSON.stringify([
      ...extensions.map((extension) => ["extensionDevelopmentPath", there(extension)]),
      ["extensionTestsPath", there(script)],
    ]);
    await page.goto(`http://127.0.0.1:${this.port}/?folder=${encodeURIComponent(folder)}&payload=${encodeURIComponent(payload)}`);
    const code = await exit;
    await page.close();
    return { code, lines };
  }

  /** VS Code leaves sockets and folders there. Short, since paths of sockets are. */
  private get temporary(): string {
    return path.join(this.folder, "t");
  }

  private get home(): string {
    return path.join(this.folder, "home");
  }

  /**
   * The processes that this workbench has started, and they in turn: those whose home is its own. Others on this
   * machine run the same programs in the same folders.
   */
  private processes(): Process[] {
    return processes().filter((p) => environment(p.pid).includes(`HOME=${this.home}`));
  }

  /** The processes of tunnel-server that this workbench has. */
  tunnelServers(): number[] {
    return this.processes().filter((p) => path.basename(p.args[0] ?? "").startsWith("tunnel-server") && p.args.includes("--stdio")).map((p) => p.pid);
  }

  /** The processes of a Go program of the shop that is debugged by one of them. */
  debuggees(name: string): number[] {
    const servers = new Set(this.tunnelServers());
    const folder = path.join(root, "examples", "shop", name);
    return processes().filter((p) => path.basename(p.args[0] ?? "") === "debuggee" && workingFolder(p.pid) === folder && ancestors(p.pid).some((pid) => servers.has(pid))).map((p) => p.pid);
  }

  /** A test that tells, when it fails, what was to be seen. `own`: it does to the cluster what is only done to one's own. */
  scene(name: string, play: () => Promise<void>, { own = false } = {}): void {
    const skip = own && process.env.KUBETUNNEL_TEST_CLUSTER === "existing" && "the cluster's network, nodes and operator are others' too";
    test(name, { skip }, async () => {
      try {
        await play();
      } catch (error) {
        for (const [i, window] of this.windows.entries()) await window.picture(`failed-${name.replace(/\W+/g, "-").slice(0, 40)}-${i}`).catch(() => undefined);
        throw error;
      } finally {
        for (const window of this.windows.splice(0)) await window.close();
      }
    });
  }

  async end(): Promise<void> {
    await this.browser?.close();
    const pid = this.server?.pid;
    // Extension hosts outlive a closed page: the group ends as a whole.
    if (pid !== undefined) {
      process.kill(-pid, "SIGTERM");
      await until("code-server to end", () => {
        if (alive(-pid)) throw new Error("it is there");
      }, 15_000).catch(() => process.kill(-pid, "SIGKILL"));
    }
    await until("all that it has started to end", () => {
      const left = this.processes();
      if (left.length > 0) throw new Error(`there are ${left.map((p) => `${p.pid} (${p.args.join(" ").slice(0, 200)})`).join(", ")}`);
    });
    fs.rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One window, and what a person does in it. */
export class Window {
  constructor(
    readonly page: Page,
    private readonly context: BrowserContext,
    private readonly url: string,
  ) {
    page.setDefaultTimeout(patience);
  }

  async load(): Promise<void> {
    await this.page.goto(this.url);
    await this.page.locator(".monaco-workbench .part.editor").waitFor();
  }

  /**
   * Loads the window until it has its folders. A workspace of several is read from VS Code's own cache first. When
   * that is empty, as at the first time, the file is read too, but if that is faster than the rest of the start, VS Code
   * drops it and stays without folders (1.100: WorkspaceService.updateWorkspaceAndInitializeConfiguration). By
   * then the cache has them, and a person loads the window again.
   */
  async loadFolders(): Promise<void> {
    await this.load();
    const folders = this.page.locator(".explorer-folders-view .monaco-list-row").first();
    await until("the folders", async () => {
      await folders.waitFor({ timeout: 10_000 }).catch(async (error: unknown) => {
        if (await this.page.locator(".pane-header", { hasText: /no folder opened/i }).isVisible()) await this.load();
        throw error;
      });
    });
  }

  /** The extension's icon, beside those of VS Code. */
  get icon(): Locator {
    return this.page.locator(".activitybar [aria-label^=KubeTunnel]").first();
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** Takes a picture, for the README and for who reads the tests' results. */
  async picture(name: string): Promise<void> {
    fs.mkdirSync(pictures, { recursive: true });
    // Mouse and blinking cursor would be in it.
    await this.page.mouse.move(200, 15);
    await this.page.locator(".workbench-hover").first().waitFor({ state: "hidden" });
    // What moves comes to rest first, but for what turns for ever.
    await this.page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect?.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => undefined))).then(() => undefined));
    await this.page.screenshot({ path: path.join(pictures, `${name}.png`), caret: "hide" });
  }

  async openFile(name: string): Promise<void> {
    await this.quickInput("Control+p", name);
    await this.page.locator(`.tab.active[data-resource-name="${path.basename(name)}"]`).waitFor();
  }

  async breakpoint(line: number): Promise<void> {
    await this.quickInput("Control+g", `:${line}`);
    await this.page.keyboard.press("F9");
    await this.page.locator('.glyph-margin-widgets [class*="codicon-debug-breakpoint"]').first().waitFor();
  }

  /** Types into the quick input, and takes the first that fits. */
  async quickInput(key: string, text: string): Promise<void> {
    await this.page.keyboard.press(key);
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    const what = /^:(\d+)/.exec(text)?.[1] ?? text.replace(/^(>|debug )/, "");
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: path.basename(what) }).first();
    await offered(input, text, row);
    await taken(row, input);
  }

  /** The same with the keyboard alone. */
  async quickKeys(key: string, text: string): Promise<void> {
    await this.page.keyboard.press(key);
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    await offered(input, text, this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: text.replace(/^>/, "") }));
    await this.page.keyboard.press("Enter");
    // What is chosen may ask in its turn, by the same input and at once.
    await this.page.waitForFunction((given) => {
      const now = document.querySelector<HTMLInputElement>(".quick-input-widget input[type=text]");
      return now === null || now.offsetParent === null || now.value !== given;
    }, text);
  }

  /** Starts a launch configuration. VS Code lists them once a file of a program is open. */
  async debug(name: string, file: string): Promise<void> {
    await this.openFile(file);
    await this.quickInput("Control+p", `debug ${name}`);
  }

  async command(title: string): Promise<void> {
    await this.page.keyboard.press("F1");
    const input = this.page.locator(".quick-input-widget input[type=text]");
    await input.waitFor();
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    await offered(input, `>${title}`, row);
    await taken(row, row);
  }

  /** Chooses from a quick pick that the extension shows. */
  async choose(text: string): Promise<void> {
    await this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first().click();
  }

  /** Chooses from a row's context menu, which does not take a click that comes with its opening. */
  async menu(row: Locator, text: string): Promise<void> {
    await row.click({ button: "right" });
    const item = this.page.locator(".monaco-menu .action-label", { hasText: text });
    await item.waitFor();
    await taken(item, item);
  }

  get status(): Locator {
    return this.page.locator('.statusbar-item[id="kubetunnel.kubetunnel.kubetunnel.session"]');
  }

  async state(word: string): Promise<void> {
    await this.status.filter({ hasText: word }).waitFor();
  }

  get toolbar(): Locator {
    return this.page.locator(".debug-toolbar");
  }

  async stopped(): Promise<void> {
    await this.page.locator(".codicon-debug-stackframe").first().waitFor();
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-list-item", { hasText: text }).first();
  }

  async stop(): Promise<void> {
    await this.page.keyboard.press("Shift+F5");
    await this.toolbar.waitFor({ state: "hidden" });
  }

  /** Starts a configuration, and stops it by the key when a stage of its start is told: its session is over, without a word. */
  async stopsWhileItStarts(name: string, told: string): Promise<void> {
    const { page } = this;
    await this.quickInput("Control+p", `debug ${name}`);
    await this.notification(told).waitFor();
    await this.state("starting");
    await this.stop();
    await this.notification(/KubeTunnel: .*cart/).waitFor({ state: "hidden" });
    await this.status.waitFor({ state: "hidden" });
    assert.equal(await page.locator(".notification-list-item .codicon-error").count(), 0, "whoever has stopped it needs no message");
    assert.equal(await page.locator(".monaco-dialog-box").count(), 0);
  }

  /** A session of cart from F5 to its end: it is live, calls come here, and nothing is left. */
  async debugsCart(): Promise<void> {
    await this.debug("Debug cart in cluster", "cart/main.go");
    await this.state("live");
    await callHere("http://cart/cart/ann");
    await this.stop();
    await restored("cart");
    await nothingLeft();
  }
}

/** Settings that mean the machine of the workspace: with a server there, VS Code takes them from a file of that one. */
function ofMachine(name: string): boolean {
  return name.startsWith("kubetunnel.");
}

function where(settings: Record<string, unknown>, wanted: (name: string) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(settings).filter(([name]) => wanted(name)));
}

/** Types until it is offered: a window that has just been loaded does not know all of it yet, and does not look again by itself. */
async function offered(input: Locator, text: string, row: Locator): Promise<void> {
  await until(`${text} to be offered`, async () => {
    await input.fill("");
    await input.fill(text);
    await row.waitFor({ timeout: 5000 });
  });
}

/** Clicks until what is clicked goes: it may be shown before it takes clicks. Keys could reach the editor behind it. */
async function taken(row: Locator, shown: Locator): Promise<void> {
  await until("the click to be taken", async () => {
    await row.click({ timeout: 1000 }).catch(() => undefined);
    await shown.waitFor({ state: "hidden", timeout: 2000 });
  });
}

/** The line of a text in a file. */
export function lineOf(file: string, text: string): number {
  const line = fs.readFileSync(file, "utf8").split("\n").findIndex((l) => l.includes(text));
  if (line < 0) throw new Error(`${file} has no ${text}`);
  return line + 1;
}

/** Whether somebody listens on a port in a process's network. */
export function listens(pid: number, port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  try {
    return ["tcp", "tcp6"].some((table) => new RegExp(`:${hex} [0-9A-F:]+ 0A `).test(fs.readFileSync(`/proc/${pid}/net/${table}`, "utf8")));
  } catch {
    return false; // it has ended
  }
}

interface Process {
  pid: number;
  args: string[];
}

function processes(): Process[] {
  return fs.readdirSync("/proc").flatMap((name) => {
    const pid = Number(name);
    return Number.isInteger(pid) ? [{ pid, args: ofProcess(pid, "cmdline").split("\0") }] : [];
  });
}

function environment(pid: number): string[] {
  return ofProcess(pid, "environ").split("\0");
}

/** A process's parent; 0 = none. */
export function parent(pid: number): number {
  return Number(/^PPid:\s*(\d+)/m.exec(ofProcess(pid, "status"))?.[1] ?? 0);
}

/** Its parent, the parent's, and so on. */
function ancestors(pid: number): number[] {
  const above = parent(pid);
  return above === 0 ? [] : [above, ...ancestors(above)];
}

/** What /proc has of a process, "" when it has ended. */
function ofProcess(pid: number, file: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function workingFolder(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return ""; // it has ended
  }
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
