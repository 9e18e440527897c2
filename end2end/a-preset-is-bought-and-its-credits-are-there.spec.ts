import { expect, newcomer, test } from "./support/test";
import { available, continueToPayment, expectBalance, livePicker, pay, payByCard, preset, terms, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a preset is bought and its credits are there", async ({ page, world }) => {
  await page.goto("/settings/credits");
  const picker = await livePicker(page);
  await preset(page, "5,000").check();

  await test.step("price, expiry and the missing refund stand before the payment", async () => {
    await expect(picker.getByRole("heading", { name: "5,000 credits", exact: true })).toBeVisible();
    await expect(picker.locator(".sums .total")).toHaveText(/Total\s*\$230\.00/);
    await expect(picker.locator(".summary-live")).toContainText(/Expire\s*\d+ \w{3} \d{4} \(in 36[56] days\)/);
    await expect(picker.locator(".summary-live")).toContainText("none: purchases are final");
    await expect(picker.locator(".summary-live")).toContainText(/Balance after\s*5,000/);
  });

  await test.step("nothing goes on before the terms are accepted", async () => {
    await continueToPayment(page).click();
    await expect(terms(page)).toBeFocused();
    expect(await world.simulator.sessions()).toEqual([]);
  });

  await terms(page).check();
  await continueToPayment(page).click();
  await expect(page.getByRole("heading", { name: /5,000 credits/ })).toBeVisible();
  await expect(pay(page)).toHaveText(/\$230\.00/);
  await payByCard(page);

  await test.step("the return page says what was credited", async () => {
    await expect(page).toHaveURL(/\/settings\/credits\/purchases\/pur_\w+\?.*session_id=cs_test_/);
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
    await expect(page.locator(".tracker .done")).toHaveText([/^Started/, /^Paid/, /^Confirmed/, /^Credited/]);
    await expect(available(page)).toHaveText("5,000");
    await expect(page.getByRole("link", { name: "Receipt" })).toBeVisible();
  });

  await test.step("its row is in the history", async () => {
    await page.getByRole("link", { name: "See the row" }).click();
    const row = page.locator("tr.open");
    await expect(row).toContainText("+5,000");
    await expect(page.locator("tr.detail")).toContainText("Credits received");
  });

  await expectBalance(page, 5_000_000);
  expect(await world.simulator.sessions()).toHaveLength(1);
  expect(await world.recharge("verify")).toMatch(/\d/);
});

test("the receipt of a purchase is Stripe's", async ({ page }) => {
  await page.goto("/settings/credits/buy?package=starter");
  await terms(page).check();
  await continueToPayment(page).click();
  await payByCard(page);
  await page.getByRole("link", { name: "Receipt" }).click();
  await expect(page.getByText("$50.00").first()).toBeVisible();
});
