import { expect, newcomer, test } from "./support/test";

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ as: newcomer, javaScriptEnabled });

    test("a spend cap is set and shown beside what was used", async ({ page, problems }) => {
      await page.goto("/settings/credits");
      await page.getByRole("link", { name: "Spend caps" }).click();
      const all = page.getByLabel("All operations");
      const save = page.getByRole("button", { name: "Save the caps" });
      await test.step("what is no amount is said at the field", async () => {
        problems.allow(/status of 422/);
        await all.fill("a lot");
        await save.click();
        await expect(page.locator("#all-error")).toContainText("Write an amount of credits");
        await expect(all).toHaveValue("a lot");
      });
      await all.fill("1,000");
      await save.click();
      await expect(page.getByText("Your spend caps are saved.")).toBeVisible();
      await expect(page.getByText("0 of 1,000 credits used")).toBeVisible();
      await expect(all).toHaveValue("1000");
    });
  });
}
