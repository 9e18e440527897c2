import { demo, expect, newcomer, test } from "./support/test";
import { expectBalance, order, payByCard, purchasePath, verdict } from "./support/shop";

test.use({ as: newcomer });

test("somebody else's purchase is not there", async ({ context, world, simulator, problems, visitor }) => {
  problems.allow(/status of 404/);
  const session = await order(context, world, "trader");
  const path = purchasePath(session);
  const stranger = await visitor(demo);

  await test.step("for who knows its address", async () => {
    const theirs = await stranger.newPage();
    for (const address of [path, `${path}?session_id=${session.id}`, `${path}?returned=1`, "/settings/credits/purchases/pur_0"]) {
      const answer = await theirs.goto(address);
      expect(answer?.status(), address).toBe(404);
      await expect(theirs.getByRole("heading", { name: "There is nothing here" })).toBeVisible();
      await expect(theirs.getByText(session.client_reference_id)).toHaveCount(0);
    }
  });

  await test.step("for who sends its forms", async () => {
    const headers = { origin: world.url, "sec-fetch-site": "same-origin" };
    for (const verb of ["pay", "cancel", "check"]) {
      const answer = await stranger.request.post(`${world.url}${path}/${verb}`, { headers, maxRedirects: 0 });
      expect(answer.status(), verb).toBe(404);
    }
    expect(await simulator.lastSession()).toMatchObject({ status: "open" });
  });

  await test.step("nor is its payment of use on another purchase", async () => {
    const own = await order(stranger, world);
    await simulator.pay(session.id, "unpaid");
    const theirs = await stranger.newPage();
    const answer = await theirs.goto(`${purchasePath(own)}?session_id=${session.id}`);
    expect(answer?.status()).toBe(404);
  });
});

test("an anonymous visitor comes to the form, and the owner to the purchase", async ({ page, context, world }) => {
  const session = await order(context, world, "trader");
  await page.goto(session.url);
  await context.clearCookies();
  await payByCard(page);
  await expect(page).toHaveURL(/\/sign-in\?next=/);
  await page.getByLabel("E-mail").fill(newcomer);
  await page.getByLabel("Password").fill("recharge-demo");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(verdict(page)).toContainText("5,000 credits are yours to spend.");
  await expectBalance(page, 5_000_000);
});
