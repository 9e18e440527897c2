import { demo, expect, test } from "./support/test";
import { continueToPayment, livePicker } from "./support/shop";

// Without keys to Stripe.
test.use({ as: demo, settings: { STRIPE_SECRET_KEY: "", STRIPE_WEBHOOK_SECRET: "" } });

test("while purchases are off everything else works, and the page says so", async ({ page }) => {
  await page.goto("/settings/credits");
  await livePicker(page);
  await expect(page.getByRole("alert")).toContainText("Purchases are off at the moment.");
  await expect(continueToPayment(page)).toBeDisabled();
  await expect(page.locator("#available")).toHaveText(/^[\d,.]+ credits$/);
  await page.goto("/settings/credits/buy?package=starter");
  await expect(page.getByRole("alert")).toContainText("Purchases are off at the moment.");
  await expect(continueToPayment(page)).toBeDisabled();
});

test("an order that was on its way comes back unbought", async ({ page, context, world }) => {
  const answer = await context.request.post(`${world.url}/settings/credits/buy`, {
    form: { package: "starter", intent: "8a3f0b9e-2a8c-4f0e-9c39-0f6f4f2f6a11", terms: "accepted" },
    headers: { origin: world.url, "sec-fetch-site": "same-origin" },
    maxRedirects: 0,
  });
  await page.goto(answer.headers().location);
  await expect(page.getByRole("alert")).toContainText("Nothing was charged");
});
