import { expect, newcomer, test } from "./support/test";
import { continueToPayment, customAmount, livePicker, preset, terms } from "./support/shop";

test.use({ as: newcomer });

const wrong: [entered: string, message: string][] = [
  ["", "Enter how many credits you want to buy."],
  ["0", "The smallest purchase is 100 credits."],
  ["99", "The smallest purchase is 100 credits."],
  ["-500", "The smallest purchase is 100 credits."],
  ["100.5", "Credits are sold whole: enter a number without decimals."],
  ["1e9", "Enter a whole number of credits in digits, such as 5000."],
  ["five thousand", "Enter a whole number of credits in digits, such as 5000."],
  ["100001", "The largest purchase is 100,000 credits."],
  ["99999999999999999999", "The largest purchase is 100,000 credits."],
  ["5,000", "Write the amount without separators: 5000."],
  ["1 000", "Write the amount without separators: 1000."],
];

test("bad amounts say what is wrong at the field", async ({ page, simulator }) => {
  await page.goto("/settings/credits");
  const picker = await livePicker(page);
  await terms(page).check();
  for (const [entered, message] of wrong) {
    await test.step(`"${entered}"`, async () => {
      await preset(page, "1,000").check();
      await customAmount(page).fill(entered);
      await continueToPayment(page).click();
      await expect(customAmount(page)).toHaveAccessibleDescription(message);
      await expect(customAmount(page)).toHaveAttribute("aria-invalid", "true");
      await expect(customAmount(page)).toHaveValue(entered);
      await expect(customAmount(page)).toBeFocused();
      await expect(picker.locator(".sums .total")).toBeHidden();
    });
  }

  await test.step("a mended one is fine again", async () => {
    await customAmount(page).fill("100");
    await expect(customAmount(page)).not.toHaveAttribute("aria-invalid");
    await expect(customAmount(page)).toHaveAccessibleDescription("100 to 100,000 credits");
    await expect(picker.locator(".sums .total")).toHaveText(/\$5\.00/);
  });
  expect(await simulator.sessions()).toEqual([]);
  expect(page.url()).toContain("/settings/credits");
});

test("an amount is not called wrong while it is being typed", async ({ page }) => {
  await page.goto("/settings/credits");
  await livePicker(page);
  await customAmount(page).fill("");
  await customAmount(page).pressSequentially("5");
  await expect(customAmount(page)).not.toHaveAttribute("aria-invalid");
  await customAmount(page).press("Tab");
  await expect(customAmount(page)).toHaveAccessibleDescription("The smallest purchase is 100 credits.");
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("bad amounts say what is wrong at the field", async ({ page, simulator }) => {
    for (const [entered, message] of wrong) {
      await test.step(`"${entered}"`, async () => {
        await page.goto(`/settings/credits/buy?${new URLSearchParams({ package: "custom", amount: entered })}`);
        await expect(customAmount(page)).toHaveAccessibleDescription(message);
        await expect(customAmount(page)).toHaveValue(entered);
        await expect(page.getByRole("radio", { name: "Or your own amount" })).toBeChecked();
      });
    }
    expect(await simulator.sessions()).toEqual([]);
  });
});

test("a package that is not sold says so", async ({ page, problems }) => {
  problems.allow(/status of 404/);
  const answer = await page.goto("/settings/credits/buy?package=free-lunch");
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "There is no such package" })).toBeVisible();
  await page.getByRole("link", { name: "See the packages" }).click();
  await expect(preset(page, "1,000")).toBeVisible();
});
