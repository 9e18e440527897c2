import { expect, newcomer, test } from "./support/test";
import { available, expectBalance, expectNoReload, orderPreset, pay, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a bank debit is credited when the bank has paid", async ({ page, simulator }) => {
  await orderPreset(page, "5,000");
  await page.getByRole("radio", { name: "Bank debit, pays later" }).check();
  await pay(page).click();
  await expect(verdict(page)).toContainText("Stripe has your payment. We are confirming it.");
  await expect(page.locator(".tracker .now")).toContainText("Confirming payment");
  await expect(available(page)).toHaveText("0");

  const notReloaded = await expectNoReload(page);
  await simulator.settle((await simulator.lastSession()).id, "succeeded");
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  await expect(page.getByRole("status")).toHaveText("5,000 credits are yours to spend. Your balance is now 5,000 credits.");
  await expect(available(page)).toHaveText("5,000");
  await notReloaded();
  await expectBalance(page, 5_000_000);
});

test("a bank debit that fails costs nothing and says so", async ({ page, simulator }) => {
  await orderPreset(page, "5,000");
  await page.getByRole("radio", { name: "Bank debit, fails" }).check();
  await pay(page).click();
  await expect(verdict(page)).toContainText("Stripe has your payment. We are confirming it.");

  const notReloaded = await expectNoReload(page);
  await simulator.settle((await simulator.lastSession()).id, "failed");
  await expect(verdict(page)).toContainText("The payment failed.");
  await expect(verdict(page)).toContainText("Nothing was charged.");
  await notReloaded();
  await page.getByRole("link", { name: "Buy again" }).click();
  await expect(page.getByRole("heading", { name: "5,000 credits", exact: true })).toBeVisible();
  await expectBalance(page, 0);
});
