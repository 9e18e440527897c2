import { expect, newcomer, test } from "./support/test";
import { available, expectBalance, expectNoReload, lastPurchasePath, order, orderPreset, payByCard, purchasePath, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a payment shows on the page without a reload", async ({ page, context, world, simulator }) => {
  const session = await order(context, world, "trader");
  await page.goto(purchasePath(session));
  await expect(verdict(page)).toContainText("Waiting for Stripe to confirm a payment.");
  const notReloaded = await expectNoReload(page);
  await simulator.pay(session.id, "paid");
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  await expect(available(page)).toHaveText("5,000");
  await expect(page.getByRole("status")).toContainText("5,000 credits are yours to spend.");
  await notReloaded();
});

test("a page that lost its server for a moment shows the payment all the same", async ({ page, context, world, simulator, problems }) => {
  problems.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|Failed to fetch/);
  const session = await order(context, world, "trader");
  // Before it listens it is a page without a script, which a reload brings up to date.
  const listens = page.waitForResponse(/\/events$/);
  await page.goto(purchasePath(session));
  await expect(verdict(page)).toContainText("Waiting for Stripe to confirm a payment.");
  expect((await listens).status()).toBe(200);
  await world.stopServer("SIGKILL");
  await simulator.pay(session.id, "paid");
  await world.startServer();
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.", { timeout: 20_000 });
  await expect(available(page)).toHaveText("5,000");
});

test.describe("where Stripe's news never come", () => {
  test.beforeEach(({ simulator }) => simulator.webhooks({ drop: true }));

  test("the return page credits by itself", async ({ page }) => {
    await orderPreset(page, "5,000");
    await payByCard(page);
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
    await expectBalance(page, 5_000_000);
  });

  test("the reconciler credits, and the open page shows it", async ({ page, context, world, simulator }) => {
    const session = await order(context, world, "trader");
    await page.goto(purchasePath(session));
    await world.justReconciled();
    await simulator.pay(session.id, "paid");
    await page.reload();
    await expect(verdict(page)).toContainText("Waiting for Stripe to confirm a payment.");
    await expect(verdict(page)).toContainText("If you have paid, nothing is lost");
    await expect(verdict(page)).not.toContainText("charged");
    const notReloaded = await expectNoReload(page);
    await world.recharge("reconcile");
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
    await expect(available(page)).toHaveText("5,000");
    await notReloaded();
  });

  test("who paid but sees nothing can ask again", async ({ page, world, simulator }) => {
    await orderPreset(page, "5,000");
    await world.justReconciled();
    await simulator.pay((await simulator.lastSession()).id, "paid");
    await page.goto(await lastPurchasePath(simulator));
    await page.getByRole("button", { name: "I paid but see nothing" }).click();
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
    await expectBalance(page, 5_000_000);
  });
});
