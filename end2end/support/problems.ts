// What must not happen in any test: an error in the console, a broken content security policy, an answer 5xx,
// a request that leaves this machine.
import { type BrowserContext, expect } from "@playwright/test";

export class Problems {
  private readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  /** Watches every page of the context, those opened later too. */
  async watch(context: BrowserContext): Promise<void> {
    context.on("console", (message) => {
      if (message.type() === "error") this.seen.push(`console: ${message.text()} (${message.location().url})`);
    });
    context.on("weberror", (error) => this.seen.push(`exception: ${error.error()}`));
    context.on("request", (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (protocol.startsWith("http") && hostname !== "127.0.0.1") this.seen.push(`request to ${request.url()}`);
    });
    context.on("response", (response) => {
      if (response.status() >= 500) this.seen.push(`answer ${response.status()}: ${response.url()}`);
    });
    await context.addInitScript(() =>
      addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI}`)),
    );
  }

  /** This test provokes problems like this one: /status of 404/. */
  allow(...like: RegExp[]): void {
    this.allowed.push(...like);
  }

  expectNone(): void {
    const unexpected = this.seen.filter((problem) => !this.allowed.some((like) => like.test(problem)));
    expect(unexpected, "problems in the browser").toEqual([]);
  }
}
