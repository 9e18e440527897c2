// `test` for every spec: a world of its own, signed in when it says as whom, and no problem goes unseen.
//
//   import { demo, expect, test } from "./support/test";
//   test.use({ as: demo });
//   test("the balance is the largest thing on the page", async ({ page, world }) => { … });
//
// Without JavaScript: test.use({ javaScriptEnabled: false }).
import { type BrowserContext, test as base, expect } from "@playwright/test";
import { Problems } from "./problems";
import type { Simulator } from "./simulator";
import { World } from "./world";

export { expect } from "@playwright/test";
export { expectAccessible } from "./accessibility";

/** The people of the seed. */
export const demo = "demo@recharge.test";
export const newcomer = "new@recharge.test";
export const expiring = "expiring@recharge.test";
export const support = "support@recharge.test";
export const password = "recharge-demo";

type Options = {
  /** Who is signed in when the test begins; nobody when left out. */
  as: string | undefined;
  /** Settings of the server that differ from the usual ones. */
  settings: Record<string, string>;
};

type Fixtures = {
  world: World;
  simulator: Simulator;
  problems: Problems;
  /** A browser of somebody else, who is signed in there. */
  visitor: (email: string) => Promise<BrowserContext>;
};

export const test = base.extend<Options & Fixtures>({
  as: [undefined, { option: true }],
  settings: [{}, { option: true }],

  world: async ({ settings }, use, info) => {
    const world = await World.start(process.env.RECHARGE_TEMPLATE!, settings);
    await use(world);
    if (info.status !== info.expectedStatus) {
      await info.attach("server.log", { body: await world.serverLog(), contentType: "text/plain" });
      await info.attach("simulator.log", { body: await world.simulatorLog(), contentType: "text/plain" });
    }
    await world.end();
  },

  simulator: ({ world }, use) => use(world.simulator),

  baseURL: ({ world }, use) => use(world.url),

  problems: async ({}, use) => {
    const problems = new Problems();
    await use(problems);
    problems.expectNone();
  },

  context: async ({ context, problems, as, world }, use) => {
    await problems.watch(context);
    if (as) await signIn(context, world, as);
    await use(context);
  },

  visitor: async ({ browser, problems, world }, use) => {
    const opened: BrowserContext[] = [];
    await use(async (email) => {
      const context = await browser.newContext({ baseURL: world.url });
      opened.push(context);
      await problems.watch(context);
      await signIn(context, world, email);
      return context;
    });
    for (const context of opened) await context.close();
  },
});

/** Signs in without looking at the form; the browser of `context` is signed in afterwards. */
export async function signIn(context: BrowserContext, world: World, email: string): Promise<void> {
  const next = email === support ? "/support" : "/settings/credits";
  const answer = await context.request.post(`${world.url}/sign-in`, {
    form: { email, password, next },
    headers: { origin: world.url, "sec-fetch-site": "same-origin" },
    maxRedirects: 0,
  });
  expect(answer.status(), `signing in as ${email}`).toBe(303);
  expect(answer.headers().location, `signing in as ${email}`).toBe(next);
}
