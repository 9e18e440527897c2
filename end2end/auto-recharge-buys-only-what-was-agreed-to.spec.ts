import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./support/test";
import { cards } from "./support/shop";
import type { World } from "./support/world";

/** A customer of the platform with this many credits, signed in; gives what spends their credits by the API. */
async function arrive(page: Page, world: World, credits: string): Promise<(amount: string) => Promise<void>> {
  const scopes = ["read", "spend", "grant"].flatMap((scope) => ["--scope", scope]);
  const key = (await world.recharge("api-key", "add", "--service", "--name", "platform", ...scopes)).trim();
  const ask = async (path: string, data: object): Promise<Record<string, string>> => {
    const headers = { authorization: `Bearer ${key}`, "idempotency-key": crypto.randomUUID() };
    const answer = await page.request.post(`${world.url}/api/v1${path}`, { headers, data });
    expect([200, 201], await answer.text()).toContain(answer.status());
    return answer.json();
  };
  const who = { external_id: "user-17", email: "ada@platform.test", name: "Ada Example", zone: "Europe/Berlin" };
  const { account } = await ask("/accounts", who);
  await ask(`/accounts/${account}/grants`, { amount: credits, description: "Welcome" });
  const { url } = await ask(`/accounts/${account}/sign-in-links`, {});
  await page.goto(`${url}?next=/settings/credits`);
  const confirm = page.getByRole("button", { name: "Continue" });
  if (await confirm.isVisible()) await confirm.click();
  await page.getByRole("link", { name: "Auto-recharge" }).click();
  return async (amount) => void (await ask("/usage", { account, operation: "analysis", amount }));
}

/** Saves a card on Stripe's page and comes back. */
async function saveCard(page: Page, button: string, card: string): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await expect(page.getByRole("heading", { name: "Save a payment method" })).toBeVisible();
  await page.getByLabel("E-mail").fill("ada@platform.test");
  await page.getByLabel("Card number").fill(card);
  await page.getByRole("button", { name: "Save payment method (simulated)" }).click();
  const complete = page.getByRole("button", { name: "Complete" });
  if (await complete.isVisible()) await complete.click();
  await expect(page.getByText("Your card is saved.")).toBeVisible();
}

/** From the amounts to the words, and on. */
async function agree(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("checkbox", { name: /^I agree/ }).check();
  await page.getByRole("button", { name: "Switch auto-recharge on" }).click();
  await expect(page.getByText("Auto-recharge is on.")).toBeVisible();
}

/** The page says so within the time that the job takes. */
async function eventually(page: Page, words: string | RegExp): Promise<void> {
  await expect(async () => {
    await page.goto("/settings/auto-recharge");
    await expect(page.locator("main")).toContainText(words, { timeout: 500 });
  }).toPass({ timeout: 35_000 });
}

/** The header has these credits. A charge shows before its credits do; without a script only a reload shows them. */
async function expectCredits(page: Page, credits: string): Promise<void> {
  await expect(async () => {
    await page.reload();
    await expect(page.locator("#header-available")).toHaveText(credits, { timeout: 500 });
  }).toPass({ timeout: 30_000 });
}

const charges = async (world: World) => {
  const asked = await world.simulator.requests("POST", "/v1/payment_intents");
  return new Set(asked.map((request) => request.idempotency_key)).size;
};

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });
    test.setTimeout(90_000);

    test("a balance that falls below the threshold is recharged once", async ({ page, world, problems }) => {
      problems.allow(/status of 422/);
      const spend = await arrive(page, world, "600");
      await expect(page.getByText("stays off until you switch it on here")).toBeVisible();
      await saveCard(page, "Save a card", cards.pays);

      await test.step("a cap below one recharge is said at its field", async () => {
        await page.getByLabel("At most in a calendar month").fill("229.99");
        await page.getByRole("button", { name: "Continue" }).click();
        await expect(page.locator("#monthly_cap-error")).toContainText("At least $230.00");
        await page.getByLabel("At most in a calendar month").fill("500");
      });

      await test.step("the words name every amount, and need a tick", async () => {
        await page.getByRole("button", { name: "Continue" }).click();
        await expect(page.locator("main")).toContainText("fall below 500, Recharge charges Visa •••• 4242 $230.00 for 5,000 credits");
        await expect(page.locator("main")).toContainText("never for more than $500.00 in a calendar month (UTC)");
        await page.getByRole("button", { name: "Switch auto-recharge on" }).click();
        await expect(page.locator("#consent-error")).toBeVisible();
        if (javaScriptEnabled) await expectAccessible(page);
        await page.getByRole("button", { name: "Change the amounts" }).click();
        await expect(page.getByLabel("At most in a calendar month")).toHaveValue("500");
      });
      await agree(page);
      await expect(page.locator("main")).toContainText("When fewer than 500 credits are available.");

      await spend("101");
      await eventually(page, "$230.00 of $500.00");
      await expectCredits(page, "5,499");
      await expect(page.getByRole("row").filter({ hasText: "Credited" })).toContainText("Receipt");
      if (javaScriptEnabled) await expectAccessible(page);
      expect(await charges(world), "one charge").toBe(1);

      await page.getByRole("button", { name: "Switch off" }).click();
      await expect(page.getByText("Auto-recharge is off.", { exact: true })).toBeVisible();
      await page.getByRole("button", { name: "Remove the card" }).click();
      await expect(page.getByText("Your card is removed")).toBeVisible();
      await world.simulator.idle();
    });
  });
}

test.describe("up to a target balance, without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("what is missing is bought, once", async ({ page, world }) => {
    test.setTimeout(90_000);
    const spend = await arrive(page, world, "600");
    await saveCard(page, "Save a card", cards.pays);
    await expect(page.getByLabel("Target balance")).toBeHidden();
    await page.getByLabel("Buy each time").selectOption("Up to a target balance");
    await page.getByLabel("Target balance").fill("500");
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page.locator("#target-error")).toContainText("More than 500");
    await page.getByLabel("Target balance").fill("5000");
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page.locator("main")).toContainText("for what is missing up to 5,000 credits");
    await expect(page.locator("main")).toContainText("The most that is charged at once is $230.00, for 5,000 credits");
    await page.getByRole("button", { name: "Change the amounts" }).click();
    await expect(page.getByLabel("Target balance")).toHaveValue("5000");
    await agree(page);

    await spend("101");
    await eventually(page, "$207.54 of $690.00");
    await expectCredits(page, "5,000");
    expect(await charges(world), "one charge").toBe(1);
  });
});

test("a card that is declined pauses it, and another one lets it go on", async ({ page, world }) => {
  test.setTimeout(90_000);
  const spend = await arrive(page, world, "600");
  await saveCard(page, "Save a card", "4000 0000 0000 0341");
  await agree(page);
  await spend("101");
  await eventually(page, "Auto-recharge is paused.");
  await expect(page.locator("main")).toContainText("Your card was declined. Nothing was charged.");
  await expect(page.locator("#header-available")).toHaveText("499");
  await expectAccessible(page);
  expect(await charges(world)).toBe(1);
  const mails = async () => (await world.mails()).filter((mail) => mail.includes("Subject: Auto-recharge is paused"));
  await expect.poll(async () => (await mails()).length, { message: "a mail of it", timeout: 20_000 }).toBe(1);

  await saveCard(page, "Use another card", cards.pays);
  await page.getByRole("button", { name: "Go on with this card" }).click();
  await expect(page.getByText("Auto-recharge goes on.")).toBeVisible();
  await expect(page.locator("main")).toContainText("Not before");
  expect(await charges(world), "nothing is charged before the cooldown has passed").toBe(1);
});
