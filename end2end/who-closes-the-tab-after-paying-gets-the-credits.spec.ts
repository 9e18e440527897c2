import { expect, newcomer, test } from "./support/test";
import { cards, expectBalance, lastPurchasePath, orderPreset, pay, verdict } from "./support/shop";

test.use({ as: newcomer });

test("who closes the tab after paying gets the credits", async ({ page, context, simulator }) => {
  await orderPreset(page, "5,000");
  const session = await simulator.lastSession();
  await page.close();
  await simulator.pay(session.id, "paid");
  await simulator.idle();

  const later = await context.newPage();
  await expectBalance(later, 5_000_000);
  await later.goto(await lastPurchasePath(simulator));
  await expect(verdict(later)).toContainText("5,000 credits are yours to spend.");
});

test("who pays by card and closes the tab before coming back gets the credits", async ({ page, context, simulator }) => {
  await orderPreset(page, "5,000");
  const returns: string[] = [];
  context.on("request", (request) => {
    if (request.url().includes("session_id=")) returns.push(request.url());
  });
  // Stripe takes the payment; that it sends the browser back, the browser never hears.
  const paid = new Promise<string>((done) => {
    void page.route(`${simulator.url}/**`, async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      const answer = await route.fetch({ maxRedirects: 0 });
      done(answer.headers().location);
    });
  });
  await page.getByLabel("Card number").fill(cards.pays);
  const click = pay(page).click();
  expect(await paid).toMatch(/\/settings\/credits\/purchases\/pur_\w+\?.*session_id=/);
  await page.close();
  await click.catch(() => undefined);
  await simulator.idle();
  expect(returns, "nobody came back").toEqual([]);

  const later = await context.newPage();
  await expectBalance(later, 5_000_000);
  await later.goto(await lastPurchasePath(simulator));
  await expect(verdict(later)).toContainText("5,000 credits are yours to spend.");
});
