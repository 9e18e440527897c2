// Every page there is, in every state that looks different.
import type { BrowserContext } from "@playwright/test";
import { order, purchasePath } from "./shop";
import type { World } from "./world";

/** A page by the name of what it shows. */
export type Place = [name: string, path: string];

/** Pages that everybody may see. */
export const publicPlaces: Place[] = [
  ["sign-in", "/sign-in"],
  ["sign-in refused", "/sign-in?error=1"],
];

/** Pages of a customer with a long history. */
export const customerPlaces: Place[] = [
  ["Credits Management", "/settings/credits"],
  ["an earlier cycle", "/settings/credits?cycle=2026-01-15"],
  ["history with an opened row", "/settings/credits/history?open=5000&before=5010"],
  ["history without a match", "/settings/credits/history?text=nothing+like+it"],
  ["packages", "/settings/credits/buy"],
  ["a bad amount", "/settings/credits/buy?package=custom&amount=12x"],
  ["an order", "/settings/credits/buy?package=desk"],
  ["an order without the terms", "/settings/credits/buy?package=desk&problem=terms"],
  ["the inbox", "/settings/notices"],
  ["notifications", "/settings/notifications"],
  ["spend caps", "/settings/spend-caps"],
  ["auto-recharge without a card", "/settings/auto-recharge"],
  ["billing cycle", "/settings/billing-cycle"],
  ["API keys", "/settings/api-keys"],
];

/** Pages that answer 404. */
export const missingPlaces: Place[] = [
  ["no such package", "/settings/credits/buy?package=none"],
  ["nothing here", "/settings/credits/purchases/pur_0"],
  ["a sign-in link that no longer works", "/sign-in/link/used"],
  ["a link to unsubscribe that does not work", "/unsubscribe/forged"],
];

/** Pages of support. */
export const supportPlaces: Place[] = [
  ["search", "/support"],
  ["an account found", "/support?email=demo@recharge.test"],
  ["nobody found", "/support?email=nobody@recharge.test"],
];

/** The pages of purchases in every state, made for this test. */
export async function purchasePlaces(context: BrowserContext, world: World): Promise<Place[]> {
  const { simulator } = world;
  const headers = { origin: world.url, "sec-fetch-site": "same-origin" };
  const open = await order(context, world);
  const processing = await order(context, world);
  await simulator.pay(processing.id, "unpaid");
  const credited = await order(context, world);
  await simulator.pay(credited.id, "paid");
  const failed = await order(context, world);
  await simulator.pay(failed.id, "unpaid");
  await simulator.settle(failed.id, "failed");
  const expired = await order(context, world);
  await simulator.expire(expired.id);
  const reviewed = await order(context, world);
  await simulator.call("POST", `/sessions/${reviewed.id}/alter`, { amount_total: 1 });
  await simulator.pay(reviewed.id, "paid");
  const cancelled = await order(context, world);
  await context.request.post(`${world.url}${purchasePath(cancelled)}/cancel`, { headers, maxRedirects: 0 });
  await simulator.idle();
  return [
    ["a purchase that waits", purchasePath(open)],
    ["a purchase whose owner came back", `${purchasePath(open)}?returned=1`],
    ["a purchase that can't be asked about", `${purchasePath(open)}?problem=unreachable`],
    ["a purchase in progress", purchasePath(processing)],
    ["a credited purchase", purchasePath(credited)],
    ["a failed purchase", purchasePath(failed)],
    ["an expired purchase", purchasePath(expired)],
    ["a purchase in review", purchasePath(reviewed)],
    ["a cancelled purchase", purchasePath(cancelled)],
  ];
}
