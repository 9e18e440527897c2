// Starting and ending the two programs that a test talks to.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/** The project's folder. */
export const root = resolve(__dirname, "../..");

/** A program of the debug build. */
export const program = (name: string) => join(root, "target/debug", name);

/** Each worker has ports of its own, below those that systems give to outgoing connections. */
const ports = { first: 12_000 + Number(process.env.TEST_PARALLEL_INDEX ?? 8) * 2_000, next: Math.floor(Math.random() * 2_000) };

/** A port on which nothing listens, and that nobody else is given soon. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + (ports.next++ % 2_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}

/** The surroundings of a program: only what it needs, so that nobody's own settings change a test. */
function environment(settings: Record<string, string>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, TMPDIR, ...settings };
}

/** Runs `recharge COMMAND...` to its end and gives what it printed; throws when it fails. */
export async function recharge(settings: Record<string, string>, ...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program("recharge"), command, { cwd: root, env: environment(settings) });
  return stdout;
}

/** A running program whose output goes to a file. */
export class Running {
  private ended = false;

  private constructor(
    readonly name: string,
    private readonly child: ChildProcess,
    readonly log: string,
  ) {
    child.once("exit", () => (this.ended = true));
  }

  static start(name: string, args: string[], settings: Record<string, string>, log: string): Running {
    const output = openSync(log, "a");
    const child = spawn(program(name), args, { cwd: root, env: environment(settings), stdio: ["ignore", output, output] });
    closeSync(output);
    return new Running(name, child, log);
  }

  /** Waits until GET `url` succeeds. */
  ready(url: string): Promise<void> {
    return this.until("ready", () => answers(url));
  }

  /** Waits until it is what is asked for. */
  async until(what: string, isSo: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(await isSo())) {
      if (this.ended) throw new Error(`${this.name} ended before it was ${what}:\n${await this.output()}`);
      if (Date.now() > deadline) throw new Error(`${this.name} was not ${what} within ${withinMs} ms:\n${await this.output()}`);
      await pause(25);
    }
  }

  output(): Promise<string> {
    return readFile(this.log, "utf8");
  }

  /** Ends it: SIGTERM, and SIGKILL when that does not help. SIGKILL at once is a crash. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    if (this.ended) return;
    const exit = new Promise((done) => this.child.once("exit", done));
    this.child.kill(signal);
    const killer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await exit;
    clearTimeout(killer);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
