import { expect, newcomer, test } from "./support/test";
import { available, continueToPayment, customAmount, expectBalance, livePicker, pay, payByCard, terms, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a custom amount is bought at the price shown", async ({ page, world }) => {
  await page.goto("/settings/credits");
  const picker = await livePicker(page);
  const requests: string[] = [];
  // The page listens to what is new meanwhile.
  page.on("request", (request) => request.url().endsWith("/events") || requests.push(request.url()));

  await customAmount(page).fill("7500");
  await expect(page.getByRole("radio", { name: "Or your own amount" })).toBeChecked();
  await expect(picker.locator(".sums").first()).toContainText(/2,500 × 4\.0¢\s*\$100\.00/);
  await expect(picker.locator(".sums .total")).toHaveText(/\$330\.00/);
  await customAmount(page).fill("7501");
  await expect(picker.locator(".sums .total")).toHaveText(/\$330\.04/);
  expect(requests, "the price follows without a server").toEqual([]);

  await terms(page).check();
  await continueToPayment(page).click();
  await expect(pay(page)).toHaveText(/\$330\.04/);
  await payByCard(page);
  await expect(verdict(page)).toContainText("7,501 credits are yours to spend.");
  await expect(available(page)).toHaveText("7,501");
  await expectBalance(page, 7_501_000);
  expect(await world.simulator.lastSession()).toMatchObject({ amount_total: 33_004, currency: "usd" });
});

test("the slider and the field say the same", async ({ page }) => {
  await page.goto("/settings/credits");
  const picker = await livePicker(page);
  const slider = picker.getByRole("slider", { name: "Price schedule" });
  await slider.fill("300");
  await expect(customAmount(page)).toHaveValue("20000");
  await expect(picker.getByRole("heading", { name: "20,000 credits", exact: true })).toBeVisible();
  await customAmount(page).fill("1000");
  await expect(slider).toHaveValue("100");
});

test("what was entered before the page was awake counts", async ({ page }) => {
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await page.route("**/recharge.wasm", async (route) => {
    await released;
    await route.continue();
  });
  await page.goto("/settings/credits", { waitUntil: "commit" });
  await page.getByRole("radio", { name: "Or your own amount" }).check();
  await customAmount(page).fill("2000");
  release();
  const picker = await livePicker(page);
  await expect(customAmount(page)).toHaveValue("2000");
  await expect(picker.locator(".sums .total")).toHaveText(/\$95\.00/);
});
