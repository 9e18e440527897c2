import { readFile } from "node:fs/promises";
import { demo, expect, newcomer, test } from "./support/test";
import { available, continueToPayment, customAmount, expectBalance, pay, payByCard, preset, terms, verdict } from "./support/shop";

test.use({ javaScriptEnabled: false });

test.describe("reading", () => {
  test.use({ as: demo });

  test("everything can be read without JavaScript", async ({ page }) => {
    await page.goto("/settings/credits");
    await expect(page.locator("#available")).toHaveText(/^[\d,]+(\.\d+)? credits$/);
    await expect(page.getByRole("heading", { name: "Usage" })).toBeVisible();

    await test.step("the chart's numbers as a table", async () => {
      const days = page.getByRole("table", { name: "Credits consumed per day and type of operation" });
      await expect(days).toBeHidden();
      await page.getByText("Show the days as a table").click();
      await expect(days).toBeVisible();
    });

    await test.step("an earlier cycle", async () => {
      const cycles = page.getByRole("combobox", { name: "Billing cycle" });
      await cycles.selectOption({ index: 2 });
      const chosen = await cycles.inputValue();
      await page.getByRole("button", { name: "Show", exact: true }).click();
      await expect(page).toHaveURL(new RegExp(`\\?cycle=${chosen}`));
      await expect(cycles).toHaveValue(chosen);
    });

    await test.step("a filtered history, an opened row and the file", async () => {
      await page.getByRole("link", { name: "Open the full history" }).click();
      await page.getByRole("combobox", { name: "Operation" }).selectOption("Backtesting");
      await page.getByRole("button", { name: "Filter" }).click();
      const rows = page.locator("table.history tbody tr:not(.detail)");
      await expect(rows).toHaveCount(25);
      await rows.first().getByRole("link").click();
      await expect(page.locator("tr.detail")).toContainText("Paid from");
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: "Download CSV" }).click();
      const csv = await readFile(await (await download).path(), "utf8");
      expect(csv.trim().split("\n").length).toBeGreaterThan(25);
    });
  });
});

test.describe("buying", () => {
  test.use({ as: newcomer });

  test("a preset is bought without JavaScript", async ({ page }) => {
    await page.goto("/settings/credits");
    await preset(page, "5,000").check();
    await page.getByRole("button", { name: "Show total" }).click();
    await expect(page.getByRole("heading", { name: "5,000 credits", exact: true })).toBeVisible();
    await expect(page.locator(".sums .total")).toHaveText(/\$230\.00/);
    await expect(page.getByText("none: purchases are final")).toBeVisible();
    await terms(page).check();
    await continueToPayment(page).click();
    await payByCard(page);
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
    await expect(available(page)).toHaveText("5,000");
  });

  test("a custom amount is bought without JavaScript, a wrong one comes back first", async ({ page, simulator }) => {
    await page.goto("/settings/credits");
    await page.getByRole("radio", { name: "Or your own amount" }).check();
    await customAmount(page).fill("7,500");
    await page.getByRole("button", { name: "Show total" }).click();
    await expect(customAmount(page)).toHaveAccessibleDescription("Write the amount without separators: 7500.");
    await expect(customAmount(page)).toHaveValue("7,500");

    await test.step("also from the form's other button", async () => {
      await terms(page).check();
      await customAmount(page).fill("7.5");
      await continueToPayment(page).click();
      await expect(customAmount(page)).toHaveAccessibleDescription(/Credits are sold whole/);
      await expect(customAmount(page)).toHaveValue("7.5");
      expect(await simulator.sessions()).toEqual([]);
    });

    await customAmount(page).fill("7500");
    await page.getByRole("button", { name: "Show total" }).click();
    await expect(page.locator(".sums .total")).toHaveText(/\$330\.00/);
    await terms(page).check();
    await continueToPayment(page).click();
    await expect(pay(page)).toHaveText(/\$330\.00/);
    await payByCard(page);
    await expect(verdict(page)).toContainText("7,500 credits are yours to spend.");
    await expectBalance(page, 7_500_000);
  });

  test("terms that were not accepted are asked for again", async ({ page, context, world }) => {
    const answer = await context.request.post(`${world.url}/settings/credits/buy`, {
      form: { package: "trader", intent: "8a3f0b9e-2a8c-4f0e-9c39-0f6f4f2f6a11" },
      headers: { origin: world.url, "sec-fetch-site": "same-origin" },
      maxRedirects: 0,
    });
    await page.goto(answer.headers().location);
    await expect(page.getByRole("alert")).toContainText("Please accept the terms.");
    await expect(page.getByRole("alert")).toContainText("Nothing was charged.");
    await expect(page.getByRole("heading", { name: "5,000 credits", exact: true })).toBeVisible();
  });

  test("an order at other prices than the page showed comes back with the new ones", async ({ page, simulator }) => {
    await page.goto("/settings/credits/buy?package=trader");
    // As if the page had been opened before the prices changed.
    await page.locator("input[name=prices]").evaluate((input: HTMLInputElement) => (input.value = "2026-10 usd 100000:4000"));
    await terms(page).check();
    await continueToPayment(page).click();
    await expect(page.getByRole("alert")).toContainText("Prices or terms have changed");
    await expect(page.getByRole("alert")).toContainText("Nothing was charged.");
    await expect(page.locator(".sums .total")).toHaveText(/\$230\.00/);
    expect(await simulator.sessions()).toHaveLength(0);
    await terms(page).check();
    await continueToPayment(page).click();
    await expect(pay(page)).toHaveText(/\$230\.00/);
  });

  test("a page that waits for the bank looks again by itself without JavaScript", async ({ page, simulator }) => {
    await page.goto("/settings/credits/buy?package=starter");
    await terms(page).check();
    await continueToPayment(page).click();
    await page.getByRole("radio", { name: "Bank debit, pays later" }).check();
    await pay(page).click();
    await expect(verdict(page)).toContainText("We are confirming it.");
    await simulator.settle((await simulator.lastSession()).id, "succeeded");
    await expect(verdict(page)).toContainText("1,000 credits are yours to spend.");
  });
});
