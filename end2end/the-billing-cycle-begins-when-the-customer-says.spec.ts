import type { Locator, Page } from "@playwright/test";
import { demo, expect, expectAccessible, test } from "./support/test";
import { download, sum } from "./support/history";
import { thousandths } from "./support/shop";

const day = (page: Page): Locator => page.getByLabel("Day of the month");
const zone = (page: Page): Locator => page.getByLabel("Time zone");
const save = (page: Page): Locator => page.getByRole("button", { name: "Save the billing cycle" });
const firstDays = (page: Page): Locator => page.getByRole("table", { name: /billing cycle/ }).getByRole("rowheader");

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ as: demo, javaScriptEnabled });

    test("the billing cycle begins when the customer says", async ({ page, problems }) => {
      await page.goto("/settings/credits");
      await page.getByRole("link", { name: "Billing cycle" }).click();
      await test.step("what is no day is said at the field", async () => {
        problems.allow(/status of 422/);
        await day(page).fill("42");
        await save(page).click();
        await expect(day(page)).toHaveAccessibleDescription(/Write a day from 1 to 31/);
        await expect(day(page)).toHaveValue("42");
      });
      await day(page).fill("31");
      await zone(page).selectOption("Asia/Tokyo");
      await save(page).click();
      await expect(page.getByText("Your billing cycle is saved.")).toBeVisible();
      await expect(day(page)).toHaveValue("31");
      await expect(zone(page).locator("option:checked")).toHaveText("Tokyo (UTC+09:00)");
      await expect(firstDays(page)).toHaveCount(4);
      await expect(page.getByText(/Not day 31: \w+ has \d\d days/).first()).toBeVisible();
    });
  });
}

test.describe("in every zone", () => {
  test.use({ as: demo });

  test("header, chart and export agree", async ({ page }) => {
    test.slow();
    for (const [anchor, name] of [["1", "Etc/GMT+8"], ["15", "UTC"], ["31", "Asia/Tokyo"]]) {
      await page.goto("/settings/billing-cycle");
      await day(page).fill(anchor);
      await zone(page).selectOption(name);
      await save(page).click();
      await page.goto("/settings/credits");
      await expect(page.getByText(`Days begin at midnight, ${name}.`)).toBeVisible();
      const card = page.locator(".cell", { has: page.getByRole("heading", { name: "Consumed this cycle" }) });
      const consumed = thousandths(await card.locator(".figure").innerText());
      // The cycle may begin today.
      if (consumed === 0) {
        await expect(page.getByRole("heading", { name: "Nothing was consumed in this cycle" })).toBeVisible();
        continue;
      }
      expect(thousandths(await page.locator("table.legend tfoot td").first().innerText())).toBe(consumed);
      await card.getByRole("link", { name: "See the rows" }).click();
      const rows = await download(page);
      expect(-sum(rows.map(({ credits }) => credits)), `day ${anchor} in ${name}`).toBe(consumed);
    }
  });

  test("the page can be used by everybody", async ({ page }) => {
    await page.goto("/settings/billing-cycle");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      await expectAccessible(page);
    }
  });
});
