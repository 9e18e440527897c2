// What a customer does between the wish to buy and the credits.
import { randomUUID } from "node:crypto";
import { type BrowserContext, type Locator, type Page, expect } from "@playwright/test";
import type { Session, Simulator } from "./simulator";
import type { World } from "./world";

/** Stripe's test cards. */
export const cards = { pays: "4242 4242 4242 4242", declined: "4000 0000 0000 0002", secure: "4000 0025 0000 3155" };

export const terms = (page: Page): Locator => page.getByRole("checkbox", { name: /non-refundable/ });
export const preset = (page: Page, credits: string): Locator => page.getByRole("radio", { name: new RegExp(`^${credits} credits`) });
export const customAmount = (page: Page): Locator => page.getByRole("textbox", { name: "Your own amount of credits" });
export const continueToPayment = (page: Page): Locator => page.getByRole("button", { name: "Continue to payment" });
/** Stripe's button. */
export const pay = (page: Page): Locator => page.getByRole("button", { name: /^Pay .* \(simulated\)$/ });

/**
 * The form of the package picker, once its island is awake. Leptos wakes islands when the browser is idle, and
 * Chromium lets a page that it takes for hidden, as it may right after going back, be idle every 10 s only.
 */
export async function livePicker(page: Page): Promise<Locator> {
  const form = page.locator("form.buy.is-live");
  await expect(form).toBeVisible({ timeout: 20_000 });
  return form;
}

/** Chooses a preset on Credits Management and goes to Stripe's page. */
export async function orderPreset(page: Page, credits: string): Promise<void> {
  await page.goto("/settings/credits");
  await preset(page, credits).check();
  await terms(page).check();
  await continueToPayment(page).click();
  await expect(pay(page)).toBeVisible();
}

/** Pays on Stripe's page by card. */
export async function payByCard(page: Page, card = cards.pays): Promise<void> {
  await page.getByLabel("Card number").fill(card);
  await pay(page).click();
}

/** The prices that the page shows, as its form carries them back. */
export async function pricesShown(context: BrowserContext, world: World): Promise<string> {
  const page = await (await context.request.get(`${world.url}/settings/credits/buy?package=starter`)).text();
  return page.match(/name="prices" value="([^"]+)"/)?.[1] ?? "";
}

/** Orders without a browser; the session waits to be paid on Stripe's page. */
export async function order(context: BrowserContext, world: World, chosen = "starter"): Promise<Session> {
  const answer = await context.request.post(`${world.url}/settings/credits/buy`, {
    form: { package: chosen, intent: randomUUID(), prices: await pricesShown(context, world), terms: "accepted" },
    headers: { origin: world.url, "sec-fetch-site": "same-origin" },
    maxRedirects: 0,
  });
  expect(answer.status(), "ordering").toBe(303);
  const sessions = await world.simulator.sessions();
  const session = sessions.find(({ url }) => url === answer.headers().location);
  if (!session) throw new Error(`no session is paid at ${answer.headers().location}`);
  return session;
}

/** The page of the purchase that a session is for. */
export const purchasePath = (session: Session): string => `/settings/credits/purchases/${session.client_reference_id}`;

/** The page of the purchase that was made last. */
export async function lastPurchasePath(simulator: Simulator): Promise<string> {
  return purchasePath(await simulator.lastSession());
}

/** Thousandths of credits as a page writes them: 7_537_960 is "7,537.96". */
export const written = (thousandths: number): string => (thousandths / 1_000).toLocaleString("en-US", { maximumFractionDigits: 3 });

/** Credits as written on a page or in a file, in thousandths. */
export function thousandths(text: string): number {
  const number = text.replace(/[^\d.−-]/g, "").replace("−", "-");
  if (!/\d/.test(number)) throw new Error(`no number: ${text}`);
  return Math.round(Number(number) * 1_000);
}

/** What the header says can be spent. */
export const available = (page: Page): Locator => page.locator("#header-available");

/** What can be spent now, in thousandths. */
export async function readAvailable(page: Page): Promise<number> {
  await page.goto("/settings/credits");
  return thousandths(await available(page).innerText());
}

/** Fails unless the balance card says that so many thousandths can be spent. */
export async function expectBalance(page: Page, expected: number): Promise<void> {
  await page.goto("/settings/credits");
  await expect(page.locator("#available")).toHaveText(`${written(expected)} credits`);
}

/** From now on a reload of the page is noticed. */
export async function expectNoReload(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => Object.assign(window, { isStillHere: true }));
  return async () => {
    const isStillHere = await page.evaluate(() => "isStillHere" in window);
    expect(isStillHere, "the page was not loaded again").toBe(true);
  };
}

/** What the page of a purchase says of it, in a sentence and what it means. */
export const verdict = (page: Page): Locator => page.locator("#purchase .notice").last();
