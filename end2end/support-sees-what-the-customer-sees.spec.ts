import { demo, expect, newcomer, signIn, support, test } from "./support/test";
import { order, readAvailable, written } from "./support/shop";
import { download, shownRows } from "./support/history";

test.describe("as support", () => {
  test.use({ as: support });

  test("support sees what the customer sees, and changes nothing", async ({ page, context, world }) => {
    await page.goto("/support");
    await page.getByRole("searchbox", { name: "Find an account by e-mail address" }).fill("DEMO@recharge.test");
    await page.getByRole("button", { name: "Search" }).click();
    await expect(page.getByRole("heading", { name: "1 account found" })).toBeVisible();
    await page.getByRole("link", { name: "Mira Lindqvist" }).click();
    await expect(page).toHaveURL(/\/support\/accounts\/\w+/);
    await expect(page.getByRole("heading", { name: "Mira Lindqvist" })).toBeVisible();
    await expect(page.getByText("Read only")).toBeVisible();
    const account = page.url();

    await test.step("purchases, lots and usage", async () => {
      const purchases = page.getByRole("table", { name: "Purchases, newest first" });
      await expect(purchases.locator("tbody tr").first()).toContainText(/\$230\.00\s*Credited.*pur_\w+/s);
      await expect(page.getByRole("table", { name: "Credits by expiry, soonest first" })).toBeVisible();
      await expect(page.getByRole("heading", { name: "Usage" })).toBeVisible();
    });

    await test.step("the history with its filters and file", async () => {
      await page.getByRole("combobox", { name: "Kind" }).selectOption("Granted");
      await page.getByRole("button", { name: "Filter" }).click();
      await expect(page).toHaveURL(/\/support\/accounts\/\w+\?.*kind=granted/);
      const rows = await download(page, "All rows as CSV");
      await expect(shownRows(page)).toHaveCount(rows.length);
      await shownRows(page).first().getByRole("link").click();
      await expect(page.locator("tr.detail")).toContainText("Credits received");
    });

    await test.step("nothing on the page changes anything", async () => {
      const posts = page.locator("form[method=post]");
      await expect(posts).toHaveCount(1);
      await expect(posts).toHaveAttribute("action", "/sign-out");
    });

    await test.step("the balance is the customer's", async () => {
      await page.goto(account);
      const shown = await page.locator("#available").innerText();
      await context.clearCookies();
      await signIn(context, world, demo);
      expect(`${written(await readAvailable(page))} credits`).toBe(shown.replaceAll("\n", " ").trim());
    });
  });

  test("a purchase under way is there with its state and Stripe's ids", async ({ page, visitor, world, simulator }) => {
    const session = await order(await visitor(newcomer), world);
    await page.goto("/support?email=new@recharge.test");
    await page.getByRole("link", { name: "Noa Brandt" }).click();
    const purchase = page.getByRole("table", { name: "Purchases, newest first" }).locator("tbody tr");
    await expect(purchase).toContainText("Waiting for payment");
    await expect(purchase).toContainText(session.id);
    await simulator.pay(session.id, "paid");
    await simulator.idle();
    await page.reload();
    await expect(purchase).toContainText("Credited");
    await expect(purchase).toContainText(/pi_\w+/);
    await expect(page.locator("#available")).toHaveText("1,000 credits");
  });

  test("an address that nobody signs in with finds nothing", async ({ page }) => {
    await page.goto("/support?email=nobody@recharge.test");
    await expect(page.getByText("No account with this address")).toBeVisible();
    await page.goto("/support?email=not-an-address");
    await expect(page.getByText("No account with this address")).toBeVisible();
  });

  test("an account that is not there is 404", async ({ page, problems }) => {
    problems.allow(/status of 404/);
    const answer = await page.goto("/support/accounts/acc_nobody");
    expect(answer?.status()).toBe(404);
    await expect(page.getByRole("heading", { name: "There is nothing here" })).toBeVisible();
  });
});

test("a customer finds no support desk", async ({ page, context, world, problems }) => {
  problems.allow(/status of 404/);
  await signIn(context, world, support);
  await page.goto("/support?email=demo@recharge.test");
  const account = await page.getByRole("link", { name: "Mira Lindqvist" }).getAttribute("href");
  await context.clearCookies();

  await page.goto("/support");
  await expect(page).toHaveURL(/\/sign-in\?next=/);

  await signIn(context, world, demo);
  for (const path of ["/support", "/support?email=new@recharge.test", account!]) {
    const answer = await page.goto(path);
    expect(answer?.status(), path).toBe(404);
    await expect(page.getByRole("heading", { name: "There is nothing here" })).toBeVisible();
  }
  expect((await context.request.get(`${world.url}${account}/history.csv`)).status()).toBe(404);
});
