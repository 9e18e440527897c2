import { expect, newcomer, test } from "./support/test";
import { continueToPayment, expectBalance, order, orderPreset, pay, payByCard, purchasePath, verdict } from "./support/shop";

test.use({ as: newcomer });

test("an unpaid purchase can be cancelled", async ({ page, simulator }) => {
  await orderPreset(page, "5,000");
  const stripePage = page.url();
  await page.getByRole("link", { name: "Cancel" }).click();
  await expect(verdict(page)).toContainText("You came back without paying.");
  await expect(verdict(page)).toContainText("Stripe has told us of no payment.");

  await page.getByRole("button", { name: "Cancel this purchase" }).click();
  await expect(verdict(page)).toContainText("This purchase was cancelled.");
  await expect(verdict(page)).toContainText("Nothing was charged.");
  expect(await simulator.lastSession()).toMatchObject({ status: "expired", payment_status: "unpaid" });

  await test.step("Stripe's page cannot be paid any more", async () => {
    await page.goto(stripePage);
    await expect(page.getByText("This page has expired")).toBeVisible();
    await page.getByRole("link", { name: "Back to the shop" }).click();
    await expect(verdict(page)).toContainText("This purchase was cancelled.");
  });

  await test.step("the same can be bought again", async () => {
    await page.getByRole("link", { name: "Buy again" }).click();
    await expect(page.getByRole("heading", { name: "5,000 credits", exact: true })).toBeVisible();
    await expect(continueToPayment(page)).toBeVisible();
  });
  await expectBalance(page, 0);
});

test("who came back without paying can go on where they stopped", async ({ page, simulator }) => {
  await orderPreset(page, "5,000");
  const stripePage = page.url();
  await page.getByRole("link", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Continue to payment" }).click();
  await expect(page).toHaveURL(stripePage);
  await payByCard(page);
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  expect(await simulator.sessions()).toHaveLength(1);
});

test("a purchase that was paid meanwhile is never shown as cancelled", async ({ page, context, world, simulator }) => {
  const session = await order(context, world);
  await simulator.webhooks({ drop: true });
  await page.goto(purchasePath(session));
  await world.justReconciled();
  await simulator.pay(session.id, "paid");
  await page.getByRole("button", { name: "Cancel this purchase" }).click();
  await expect(verdict(page)).toContainText("1,000 credits are yours to spend.");
  await expectBalance(page, 1_000_000);
});

test("a checkout that ended unpaid is shown as expired", async ({ page, context, world, simulator }) => {
  const session = await order(context, world);
  await page.goto(purchasePath(session));
  await expect(verdict(page)).toContainText("Waiting for Stripe to confirm a payment.");
  await simulator.expire(session.id);
  await expect(verdict(page)).toContainText("This order has expired.");
  await expect(verdict(page)).toContainText("Nothing was charged.");
  await page.goto(session.url);
  await expect(pay(page)).toBeHidden();
});
