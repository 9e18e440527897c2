// A program of the platform that spends by its key.
import { randomUUID } from "node:crypto";
import type { World } from "./world";

export class Program {
  private constructor(
    private readonly world: World,
    private readonly key: string,
  ) {}

  /** A program that acts for one customer. */
  static async of(world: World, email: string): Promise<Program> {
    const told = await world.recharge("api-key", "add", "--email", email, "--name", "worker", "--scope", "read", "--scope", "spend");
    const key = told.match(/rcg_[0-9a-f]+_[0-9a-f]+/)?.[0];
    if (!key) throw new Error(`no key in: ${told}`);
    return new Program(world, key);
  }

  /** A backtest of one asset over one year. */
  spend(): Promise<void> {
    return this.post("usage", { operation: "backtest", quantities: { assets: 1, years: 1, resolution: "daily" } });
  }

  /** Sets so many credits aside for a backtest. */
  hold(amount: string): Promise<void> {
    return this.post("holds", { operation: "backtest", amount });
  }

  private async post(path: string, body: unknown): Promise<void> {
    const answer = await fetch(`${this.world.url}/api/v1/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.key}`, "content-type": "application/json", "idempotency-key": randomUUID() },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }
}
