import { expect, newcomer, test } from "./support/test";
import { expectBalance, orderPreset, payByCard, verdict } from "./support/shop";

test.use({ as: newcomer });

test("two purchases in two tabs are both credited", async ({ page: one, context }) => {
  const other = await context.newPage();
  await orderPreset(one, "1,000");
  await orderPreset(other, "5,000");
  await Promise.all([payByCard(one), payByCard(other)]);
  await expect(verdict(one)).toContainText("1,000 credits are yours to spend.");
  await expect(verdict(other)).toContainText("5,000 credits are yours to spend.");
  await expectBalance(one, 6_000_000);
  await one.goto("/settings/credits/history?kind=granted");
  await expect(one.locator("table.history tbody tr")).toHaveCount(2);
});
