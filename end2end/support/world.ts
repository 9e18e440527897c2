// A world of its own for every test: a copy of the seeded database, a Stripe simulator and a server on free
// ports. What one test buys, no other test sees.
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Running, freePort, recharge, root } from "./programs";
import { Simulator } from "./simulator";

const webhookSecret = "whsec_end2end";

/** Where databases are: in memory if there is such a place, since a disk that others keep busy would stall them. */
const shelf = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** What the server asked of Stripe, a file for each test: held against Stripe's specification afterwards. */
export const recorded = join(root, "target/logs/stripe-requests");

/** Everything the server is told; the two addresses may not be in use yet. */
function settings(database: string, url: string, simulator: string): Record<string, string> {
  return {
    DATABASE_URL: `sqlite://${database}`,
    PUBLIC_URL: url,
    LEPTOS_SITE_ADDR: new URL(url).host,
    LEPTOS_SITE_ROOT: join(root, "target/site"),
    LEPTOS_OUTPUT_NAME: "recharge",
    STRIPE_API_BASE: simulator,
    STRIPE_SECRET_KEY: "sk_test_end2end",
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    MAIL_FOLDER: join(dirname(database), "mail"),
    RUST_LOG: "info",
  };
}

function startSimulator(url: string, server: string, log: string): Running {
  const webhook = ["--webhook", `${server}/webhooks/stripe`, "--secret", webhookSecret, "--retry-wait-ms", "100"];
  return Running.start("stripe-simulator", ["--addr", new URL(url).host, ...webhook, "--settle-by-control"], {}, log);
}

/** How often a job has run in the server at `url`. */
async function runsOf(job: string, url: string): Promise<number> {
  const figures = await (await fetch(`${url}/metrics`)).text();
  return Number(figures.match(new RegExp(`^recharge_job_runs_total\\{job="${job}"\\} (\\d+)`, "m"))?.[1] ?? 0);
}

/**
 * Makes the database that every world is a copy of, as a server leaves it that has run for a while: it has
 * reminded of what expires soon, and that is in the inboxes. Else a test might be told of it in its midst.
 */
export async function makeTemplate(database: string): Promise<void> {
  const [url, nobody] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const told = settings(database, url, nobody);
  await recharge(told, "migrate");
  await recharge(told, "seed");
  const server = Running.start("recharge", [], told, join(dirname(database), "server.log"));
  try {
    await server.ready(`${url}/readyz`);
    await server.until("done with reminding", async () => (await runsOf("reminders", url)) > 0, 60_000);
    // The run that is under way may have begun before.
    const before = await runsOf("notices", url);
    await server.until("done with telling", async () => (await runsOf("notices", url)) >= before + 2, 60_000);
  } finally {
    await server.stop();
  }
}

export class World {
  private constructor(
    /** Where the server is. */
    readonly url: string,
    readonly simulator: Simulator,
    private readonly folder: string,
    private readonly settings: Record<string, string>,
    private stripe: Running,
    private server: Running,
  ) {}

  /** A new world; `differently` are settings of its server that differ from the usual ones. */
  static async start(template: string, differently: Record<string, string> = {}): Promise<World> {
    const folder = await mkdtemp(join(shelf, "recharge-world-"));
    const database = join(folder, "recharge.db");
    for (const part of ["", "-wal"]) {
      if (existsSync(template + part)) await copyFile(template + part, database + part);
    }
    const [port, simulatorPort] = [await freePort(), await freePort()];
    const [url, simulator] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${simulatorPort}`];
    const stripe = startSimulator(simulator, url, join(folder, "simulator.log"));
    const told = { ...settings(database, url, simulator), ...differently };
    const server = Running.start("recharge", [], told, join(folder, "server.log"));
    const world = new World(url, new Simulator(simulator), folder, told, stripe, server);
    try {
      await stripe.ready(`${simulator}/_control`);
      await server.ready(`${url}/readyz`);
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  /** Runs `recharge COMMAND...` on this world's database. */
  recharge(...command: string[]): Promise<string> {
    return recharge(this.settings, ...command);
  }

  /** Kills the server as a power cut would, or ends it gently; `startServer` brings it back. */
  stopServer(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    return this.server.stop(signal);
  }

  /** Starts it again; `differently` are settings that differ from those before. */
  async startServer(differently: Record<string, string> = {}): Promise<void> {
    this.server = Running.start("recharge", [], { ...this.settings, ...differently }, this.server.log);
    await this.server.ready(`${this.url}/readyz`);
  }

  /** Stripe can no longer be reached. */
  stopStripe(): Promise<void> {
    return this.stripe.stop("SIGKILL");
  }

  /** Stripe is back, with empty books. */
  async startStripe(): Promise<void> {
    this.stripe = startSimulator(this.simulator.url, this.url, this.stripe.log);
    await this.stripe.ready(`${this.simulator.url}/_control`);
  }

  /**
   * Returns when the server has just looked for payments that Stripe's news have not told of. It looks every ten
   * seconds, so nothing is found by that for a while.
   */
  async justReconciled(): Promise<void> {
    const before = await runsOf("reconcile", this.url);
    await this.server.until("done with reconciling", async () => (await runsOf("reconcile", this.url)) > before, 30_000);
  }

  /** The mails that went out, each as it was sent, oldest first. */
  async mails(): Promise<string[]> {
    const files = await readdir(this.settings.MAIL_FOLDER).catch(() => []);
    const letters = files.filter((file) => file.endsWith(".eml")).sort();
    return Promise.all(letters.map((file) => readFile(join(this.settings.MAIL_FOLDER, file), "utf8")));
  }

  serverLog(): Promise<string> {
    return this.server.output();
  }

  simulatorLog(): Promise<string> {
    return this.stripe.output();
  }

  /** Keeps what the server asked of Stripe, unless the test has ended the simulator. */
  private async keepRequests(): Promise<void> {
    const requests = await this.simulator.call("GET", "/requests").catch(() => []);
    await mkdir(recorded, { recursive: true });
    await writeFile(join(recorded, `${basename(this.folder)}.json`), JSON.stringify(requests));
  }

  async end(): Promise<void> {
    await this.keepRequests();
    await Promise.all([this.server.stop(), this.stripe.stop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}
