import { expect, newcomer, test } from "./support/test";
import { expectBalance, lastPurchasePath, orderPreset, verdict } from "./support/shop";

test.use({ as: newcomer });

test("who closes the tab after paying gets the credits", async ({ page, context, simulator }) => {
  await orderPreset(page, "5,000");
  const session = await simulator.lastSession();
  await page.close();
  await simulator.pay(session.id, "paid");
  await simulator.idle();

  const later = await context.newPage();
  await expectBalance(later, 5_000_000);
  await later.goto(await lastPurchasePath(simulator));
  await expect(verdict(later)).toContainText("5,000 credits are yours to spend.");
});
