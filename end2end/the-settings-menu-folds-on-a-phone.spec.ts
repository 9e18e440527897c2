import { demo, expect, test } from "./support/test";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ as: demo, viewport: { width: 360, height: 740 }, javaScriptEnabled });

    test("the settings menu says where one is, and unfolds to lead elsewhere", async ({ page }) => {
      await page.goto("/settings/spend-caps");
      const menu = page.getByRole("navigation", { name: "Settings" });
      const unfold = menu.getByRole("button", { name: "Settings: Spend caps" });
      await expect(unfold).toBeInViewport();
      await expect(menu.getByRole("link", { name: "Credits Management" })).toBeHidden();
      await unfold.click();
      await expect(menu.getByRole("link", { name: "Spend caps" })).toHaveAttribute("aria-current", "page");
      for (const link of await menu.getByRole("link").all()) await expect(link).toBeInViewport({ ratio: 1 });
      await page.keyboard.press("Escape");
      await expect(menu.getByRole("link", { name: "API keys" })).toBeHidden();
      await unfold.press("Enter");
      await page.keyboard.press("Tab");
      await expect(menu.getByRole("link", { name: "Credits Management" })).toBeFocused();
      await page.keyboard.press("Enter");
      await expect(page.getByRole("heading", { level: 1 })).toHaveText("Credits Management");
      await expect(menu.getByRole("button")).toHaveText(/Credits Management/);
    });
  });
}

test.describe("where there is room", () => {
  test.use({ as: demo });

  test("the settings menu stands open", async ({ page }) => {
    await page.goto("/settings/spend-caps");
    const menu = page.getByRole("navigation", { name: "Settings" });
    await expect(menu.getByRole("link", { name: "API keys" })).toBeVisible();
    await expect(menu.getByRole("button")).toBeHidden();
  });
});
