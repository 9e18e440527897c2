import type { Locator, Page } from "@playwright/test";
import { demo, expect, expectAccessible, newcomer, test } from "./support/test";
import { expectNoReload, preset, readAvailable, written } from "./support/shop";

const estimator = (page: Page): Locator => page.locator("form.estimate");
const answer = (page: Page): Locator => page.locator(".estimate-answer");
const operation = (page: Page, name: string): Locator => estimator(page).getByRole("radio", { name, exact: true });
const field = (page: Page, name: string): Locator => estimator(page).getByLabel(name, { exact: true }).filter({ visible: true });
const row = (page: Page, name: string): Locator => answer(page).locator("dl > div").filter({ hasText: name });

test.describe("with JavaScript", () => {
  test.use({ as: demo });

  test("cost and balance follow the quantities without a reload", async ({ page }) => {
    const available = await readAvailable(page);
    await expect(page.locator("form.estimate.is-live")).toBeVisible();
    const stayed = await expectNoReload(page);
    await field(page, "Assets").fill("20");
    await field(page, "Years of history").fill("3");
    await field(page, "Bar resolution").selectOption("Hourly");
    await expect(answer(page)).toContainText("75 credits at most");
    await expect(answer(page)).toContainText("20 assets × 3 years, hourly bars");
    await expect(row(page, "Available after")).toContainText(written(available - 75_000));

    await test.step("another operation has other quantities", async () => {
      await operation(page, "Inference").check();
      await expect(field(page, "Assets")).toHaveCount(0);
      await field(page, "Input tokens").fill("66000");
      await field(page, "Output tokens").fill("16000");
      await expect(answer(page)).toContainText("6.5 credits at most");
      await field(page, "Model class").selectOption("Fast");
      await expect(answer(page)).toContainText("1.3 credits at most");
      await expect(answer(page)).toContainText("66k tokens in, 16k out, Fast class");
    });

    await test.step("a bad quantity is said at its field", async () => {
      await field(page, "Input tokens").fill("-5");
      await expect(field(page, "Input tokens")).toHaveAccessibleDescription("Input tokens must be at least 0.");
      await expect(answer(page)).toContainText("Set the quantities: the cost appears here.");
      await expect(answer(page).getByText("credits at most", { exact: true })).toBeHidden();
      await expectAccessible(page);
      await field(page, "Input tokens").fill("5000");
      await expect(answer(page).getByText("credits at most", { exact: true })).toBeVisible();
    });
    await stayed();
  });
});

test.describe("with nothing to spend", () => {
  test.use({ as: newcomer });

  test("what is missing leads to the smallest package that fits", async ({ page }) => {
    await page.goto("/settings/credits");
    await expect(page.locator("form.estimate.is-live")).toBeVisible();
    await operation(page, "Strategy").check();
    await field(page, "Iterations").fill("200");
    await expect(row(page, "Missing")).toContainText("1,250");
    await answer(page).getByRole("link", { name: "Choose 5,000 credits" }).click();
    await expect(page).toHaveURL(/package=trader#buy$/);
    await expect(preset(page, "5,000")).toBeChecked();
  });
});

test.describe("without JavaScript", () => {
  test.use({ as: demo, javaScriptEnabled: false });

  test("the same is estimated by the server, and the cycle is kept", async ({ page }) => {
    await page.goto("/settings/credits?cycle=2026-01-15");
    await operation(page, "Analysis").check();
    await expect(field(page, "Assets")).toHaveCount(0);
    await field(page, "Depth").selectOption("Regimes");
    await field(page, "Symbols").fill("30");
    await estimator(page).getByRole("button", { name: "Estimate" }).click();
    await expect(page).toHaveURL(/cycle=2026-01-15.*#estimate$/);
    await expect(operation(page, "Analysis")).toBeChecked();
    await expect(answer(page)).toContainText("4.5 credits at most");
    await expect(answer(page)).toContainText("Regimes, 30 symbols");

    await field(page, "Symbols").fill("30.5");
    await estimator(page).getByRole("button", { name: "Estimate" }).click();
    await expect(field(page, "Symbols")).toHaveValue("30.5");
    await expect(field(page, "Symbols")).toHaveAccessibleDescription("Symbols must be a whole number.");
  });
});
