import { expect, newcomer, test } from "./support/test";
import { cards, expectBalance, lastPurchasePath, orderPreset, payByCard, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a declined card costs nothing and another one pays", async ({ page, simulator }) => {
  await orderPreset(page, "1,000");
  await payByCard(page, cards.declined);
  await expect(page.getByRole("alert")).toContainText("declined");
  await expect(page.getByRole("alert")).toContainText("Nothing was charged.");

  await test.step("the purchase still waits for its payment", async () => {
    const tracker = await page.context().newPage();
    await tracker.goto(await lastPurchasePath(simulator));
    await expect(verdict(tracker)).toContainText("Waiting for Stripe to confirm a payment.");
    await expectBalance(tracker, 0);
    await tracker.close();
  });

  await payByCard(page);
  await expect(verdict(page)).toContainText("1,000 credits are yours to spend.");
  await expectBalance(page, 1_000_000);
  expect(await simulator.sessions()).toHaveLength(1);
});

test("a card that asks for 3D Secure pays once the bank has agreed", async ({ page }) => {
  await orderPreset(page, "1,000");
  await payByCard(page, cards.secure);
  await page.getByRole("button", { name: "Fail" }).click();
  await expect(page.getByRole("alert")).toContainText("Nothing was charged.");
  await payByCard(page, cards.secure);
  await page.getByRole("button", { name: "Complete" }).click();
  await expect(verdict(page)).toContainText("1,000 credits are yours to spend.");
});
