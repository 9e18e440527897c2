import { expect, test } from "./support/test";

// That no request leaves this machine, no policy is broken and nothing fails is watched for every test.
test("the API is documented without reaching elsewhere", async ({ page }) => {
  await page.goto("/api/docs");
  await expect(page.getByRole("heading", { name: /^Recharge/ })).toBeVisible();
  for (const path of ["/api/v1/quotes", "/api/v1/holds/{id}/capture", "/api/v1/accounts/{id}/balance"]) {
    await expect(page.locator(`[data-path="${path}"]`)).toBeVisible();
  }

  await test.step("a route tells its answers, and nothing is sent from here", async () => {
    await page.locator('[data-path="/api/v1/quotes"]').click();
    const route = page.locator("#operations-Quotes-make_quote");
    await expect(route.getByText("The quote.")).toBeVisible();
    await expect(page.getByRole("button", { name: "Try it out" })).toHaveCount(0);
    await expect(page.getByRole("button", { name: /authoriz/i })).toHaveCount(0);
  });

  await test.step("it leads back", async () => {
    await page.getByRole("link", { name: "Back to Recharge" }).click();
    await expect(page).toHaveURL(/\/sign-in/);
  });
});
