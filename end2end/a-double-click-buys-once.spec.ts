import { expect, newcomer, test } from "./support/test";
import { continueToPayment, expectBalance, livePicker, pay, preset, terms, verdict } from "./support/shop";

test.use({ as: newcomer });

test("a double click buys once", async ({ page, simulator }) => {
  await page.goto("/settings/credits");
  await livePicker(page);
  await preset(page, "5,000").check();
  await terms(page).check();
  await continueToPayment(page).dblclick();
  await expect(pay(page)).toBeVisible();
  expect(await simulator.sessions()).toHaveLength(1);

  await test.step("and pays once", async () => {
    await pay(page).dblclick();
    await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  });
  await expectBalance(page, 5_000_000);
  expect(await simulator.sessions()).toHaveLength(1);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a form that is sent twice buys once", async ({ page, context, world, simulator }) => {
    await page.goto("/settings/credits/buy?package=trader");
    const intent = await page.locator("input[name=intent]").inputValue();
    const prices = await page.locator("input[name=prices]").inputValue();
    const send = () =>
      context.request.post(`${world.url}/settings/credits/buy`, {
        form: { package: "trader", intent, prices, terms: "accepted" },
        headers: { origin: world.url, "sec-fetch-site": "same-origin" },
        maxRedirects: 0,
      });
    const answers = await Promise.all([send(), send(), send(), send(), send()]);
    const sessions = await simulator.sessions();
    expect(sessions).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.headers().location))).toEqual(new Set([sessions[0].url]));

    await test.step("the page's own button goes to the same payment", async () => {
      await terms(page).check();
      await continueToPayment(page).click();
      await expect(page).toHaveURL(sessions[0].url);
      expect(await simulator.sessions()).toHaveLength(1);
    });
  });
});

test("the button works again for who comes back from Stripe by the browser's own button", async ({ page, simulator }) => {
  await page.goto("/settings/credits");
  await livePicker(page);
  await preset(page, "1,000").check();
  await terms(page).check();
  await continueToPayment(page).click();
  await expect(pay(page)).toBeVisible();
  await page.goBack();
  await livePicker(page);
  await expect(continueToPayment(page)).toBeEnabled();
  await preset(page, "5,000").check();
  await terms(page).check();
  await continueToPayment(page).click();
  await expect(pay(page)).toHaveText(/\$230\.00/);
  expect(await simulator.sessions()).toHaveLength(2);
});
