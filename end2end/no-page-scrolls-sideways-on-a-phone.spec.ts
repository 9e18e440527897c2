import type { Page } from "@playwright/test";
import { demo, expect, expiring, newcomer, support, test } from "./support/test";
import { type Place, customerPlaces, missingPlaces, publicPlaces, purchasePlaces, supportPlaces } from "./support/places";

test.use({ viewport: { width: 360, height: 740 } });

/** What reaches beyond the right edge of the screen, where the page scrolls because of it. */
const tooWide = (page: Page) =>
  page.evaluate(() => {
    const root = document.documentElement;
    if (root.scrollWidth <= root.clientWidth) return [];
    const all = [...document.querySelectorAll("body *")];
    const wide = all.filter((element) => element.getBoundingClientRect().right > root.clientWidth + 0.5);
    return wide.map((element) => `${element.tagName.toLowerCase()}.${element.getAttribute("class") ?? ""}: ${element.textContent?.trim().slice(0, 40)}`);
  });

async function expectNoneTooWide(page: Page, places: Place[]): Promise<void> {
  for (const [name, path] of places) {
    await test.step(name, async () => {
      await page.goto(path);
      await expect(page.locator("main")).toBeVisible();
      expect(await tooWide(page), `${name} at ${page.url()}`).toEqual([]);
    });
  }
}

test("no page of a visitor scrolls sideways on a phone", ({ page }) => expectNoneTooWide(page, publicPlaces));

test.describe("of a customer", () => {
  test.use({ as: demo });
  test("no page of a customer scrolls sideways on a phone", async ({ page, problems }) => {
    problems.allow(/status of 404/);
    await expectNoneTooWide(page, [...customerPlaces, ...missingPlaces]);
    await page.goto("/settings/credits");
    await page.getByText("Show the days as a table").click();
    await page.getByLabel(/account menu/).click();
    expect(await tooWide(page)).toEqual([]);
  });
});

test.describe("of a new customer", () => {
  test.use({ as: newcomer });
  test("no page of a purchase scrolls sideways on a phone", async ({ page, context, world }) => {
    await expectNoneTooWide(page, [["an empty account", "/settings/credits"], ...(await purchasePlaces(context, world))]);
  });
});

test.describe("of a customer whose credits expire", () => {
  test.use({ as: expiring });
  test("no page with warnings scrolls sideways on a phone", ({ page }) => expectNoneTooWide(page, [["Credits Management", "/settings/credits"]]));
});

test.describe("of support", () => {
  test.use({ as: support });
  test("no page of support scrolls sideways on a phone", async ({ page }) => {
    await page.goto("/support?email=demo@recharge.test");
    const account = await page.getByRole("link", { name: "Mira Lindqvist" }).getAttribute("href");
    await expectNoneTooWide(page, [...supportPlaces, ["an account", account!]]);
  });
});
