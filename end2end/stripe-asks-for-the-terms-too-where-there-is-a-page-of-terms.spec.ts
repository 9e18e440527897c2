import { expect, newcomer, test } from "./support/test";
import { continueToPayment, pay, payByCard, terms, verdict } from "./support/shop";

test.use({ as: newcomer, settings: { TERMS_URL: "http://127.0.0.1:3000/terms" } });

test("Stripe asks for the terms too where there is a page of terms", async ({ page }) => {
  await page.goto("/settings/credits/buy?package=starter");
  await terms(page).check();
  await continueToPayment(page).click();
  await payByCard(page);
  await expect(page.getByRole("alert")).toContainText("Agree to the terms to go on. Nothing was charged.");
  await page.getByRole("checkbox").check();
  await pay(page).click();
  await expect(verdict(page)).toContainText("1,000 credits are yours to spend.");
});
