import type { Locator, Page } from "@playwright/test";
import { expect, newcomer, test } from "./support/test";
import { continueToPayment, livePicker, pay, preset, terms, verdict } from "./support/shop";

test.use({ as: newcomer });

/** Presses Tab until the focus is there, and fails where it can't be seen. */
async function tabTo(page: Page, target: Locator, most = 40): Promise<void> {
  for (let presses = 0; presses < most; presses += 1) {
    await page.keyboard.press("Tab");
    if (await target.evaluate((element) => element === document.activeElement)) {
      await expect(target).toBeInViewport();
      return;
    }
  }
  throw new Error(`${target} was not reached by ${most} presses of Tab`);
}

/** The width of the outline around what has the focus. */
const outline = (page: Page) => page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);

test("credits are bought with the keyboard alone", async ({ page }) => {
  await page.goto("/settings/credits");
  await livePicker(page);

  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeFocused();
  await expect(page.getByRole("link", { name: "Skip to content" })).toBeInViewport();
  await page.keyboard.press("Enter");
  await tabTo(page, page.locator(".page-head").getByRole("link", { name: "Buy credits" }), 2);
  expect(await outline(page)).not.toBe("none");
  await page.keyboard.press("Enter");

  await tabTo(page, preset(page, "1,000"), 3);
  await page.keyboard.press("ArrowDown");
  await expect(preset(page, "5,000")).toBeChecked();
  await expect(preset(page, "5,000")).toBeFocused();
  await tabTo(page, terms(page), 6);
  await page.keyboard.press("Space");
  await expect(terms(page)).toBeChecked();
  await tabTo(page, continueToPayment(page), 3);
  expect(await outline(page)).not.toBe("none");
  await page.keyboard.press("Enter");

  await expect(pay(page)).toBeVisible();
  await tabTo(page, pay(page));
  await page.keyboard.press("Enter");
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");

  await tabTo(page, page.getByRole("link", { name: "See the row" }));
  await page.keyboard.press("Enter");
  await expect(page.locator("tr.open")).toContainText("+5,000");
});

test("a custom amount is chosen and sent with the keyboard alone", async ({ page }) => {
  await page.goto("/settings/credits");
  await livePicker(page);
  await terms(page).focus();
  await page.keyboard.press("Space");
  await page.getByRole("textbox", { name: "Your own amount of credits" }).focus();
  await page.keyboard.press("ControlOrMeta+a");
  await page.keyboard.type("2500");
  await page.keyboard.press("Enter");
  await expect(pay(page)).toHaveText(/\$117\.50/);
});
