import type { Page } from "@playwright/test";
import { demo, expect, expectAccessible, expiring, newcomer, support, test } from "./support/test";
import { type Place, customerPlaces, missingPlaces, publicPlaces, purchasePlaces, supportPlaces } from "./support/places";

/** Looks at each page in light and dark, as axe does. */
async function expectAllAccessible(page: Page, places: Place[]): Promise<void> {
  for (const [name, path] of places) {
    await test.step(name, async () => {
      await page.goto(path);
      await expect(page.locator("main")).toBeVisible();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
    });
  }
}

test("the pages of a visitor can be used by everybody", ({ page }) => expectAllAccessible(page, publicPlaces));

test.describe("of a customer", () => {
  test.use({ as: demo });
  test("the pages of a customer can be used by everybody", async ({ page, problems }) => {
    problems.allow(/status of 404/);
    await expectAllAccessible(page, [...customerPlaces, ...missingPlaces]);
  });

  test("the days as a table and the account menu can be used by everybody", async ({ page }) => {
    await page.goto("/settings/credits");
    await page.getByText("Show the days as a table").click();
    await page.getByText("Terms of purchase").click();
    await page.getByLabel(/account menu/).click();
    await expectAccessible(page);
  });
});

test.describe("of a new customer", () => {
  test.use({ as: newcomer });
  test("the pages of purchases can be used by everybody", async ({ page, context, world }) => {
    await expectAllAccessible(page, [["an empty account", "/settings/credits"], ["an empty history", "/settings/credits/history"]]);
    await expectAllAccessible(page, await purchasePlaces(context, world));
  });
});

test.describe("of a customer whose credits expire", () => {
  test.use({ as: expiring });
  test("the pages with warnings can be used by everybody", ({ page }) => expectAllAccessible(page, [["Credits Management", "/settings/credits"]]));
});

test.describe("of support", () => {
  test.use({ as: support });
  test("the pages of support can be used by everybody", async ({ page }) => {
    await page.goto("/support?email=demo@recharge.test");
    const account = await page.getByRole("link", { name: "Mira Lindqvist" }).getAttribute("href");
    await expectAllAccessible(page, [...supportPlaces, ["an account", account!]]);
  });
});
