import { expect, newcomer, test } from "./support/test";
import { continueToPayment, expectBalance, order, payByCard, preset, purchasePath, terms, verdict } from "./support/shop";

test.use({ as: newcomer });

test("while the payment service is away nothing is charged, and trying again works", async ({ page, world, simulator }) => {
  await page.goto("/settings/credits");
  await preset(page, "5,000").check();
  await terms(page).check();
  await world.stopStripe();
  await continueToPayment(page).click();
  await expect(page).toHaveURL(/\/settings\/credits\/purchases\/pur_/);
  await expect(verdict(page)).toContainText("The payment service can’t be reached.");
  await expect(verdict(page)).toContainText("Nothing was charged");

  await test.step("trying again too early says the same", async () => {
    await page.getByRole("button", { name: "Try again" }).click();
    await expect(verdict(page)).toContainText("The payment service can’t be reached.");
  });

  await world.startStripe();
  await page.getByRole("button", { name: "Try again" }).click();
  await payByCard(page);
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  await expectBalance(page, 5_000_000);
  expect(await simulator.sessions()).toHaveLength(1);
});

test("an answer that got lost is asked for again, not bought again", async ({ page, simulator }) => {
  await simulator.fault({ method: "POST", path: "/v1/checkout/sessions", after_doing: true, drop_connection: true, times: 2 });
  await page.goto("/settings/credits/buy?package=trader");
  await terms(page).check();
  await continueToPayment(page).click();
  await payByCard(page);
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  expect(await simulator.sessions()).toHaveLength(1);
});

test("what can't be asked now is said, and nothing changes", async ({ page, context, world, simulator }) => {
  const session = await order(context, world);
  await simulator.fault({ path: "/v1/checkout/sessions/", drop_connection: true });
  await page.goto(purchasePath(session));
  const unreachable = page.getByRole("alert").filter({ hasText: "Nothing was changed or charged by this." });
  await page.getByRole("button", { name: "I paid but see nothing" }).click();
  await expect(unreachable).toBeVisible();
  await page.getByRole("button", { name: "Cancel this purchase" }).click();
  await expect(unreachable).toBeVisible();
  await expect(verdict(page)).toContainText("Waiting for Stripe to confirm a payment.");

  await simulator.clearFaults();
  await page.getByRole("button", { name: "Cancel this purchase" }).click();
  await expect(verdict(page)).toContainText("This purchase was cancelled.");
});
