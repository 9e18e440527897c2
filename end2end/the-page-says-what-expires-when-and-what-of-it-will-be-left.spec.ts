import { demo, expect, expectAccessible, newcomer, test } from "./support/test";
import { preset } from "./support/shop";

test.describe("with a history", () => {
  test.use({ as: demo });

  test("each lot says when it expires and what of it will be left, in the drawing and in words", async ({ page }) => {
    await page.goto("/settings/credits#lots");
    const lots = page.getByRole("table", { name: "Credits by expiry, soonest first" });
    const first = lots.locator("tbody tr").first();
    await expect(first).toContainText("in 11 days");
    const words = await first.locator(".forecast").textContent();
    const left = words?.match(/^About ([\d,]+) credits left, then forfeited$/)?.[1];
    expect(left, words ?? "").toBeDefined();
    await expect(page.locator(".timeline .lane-text")).toHaveText(`about ${left} credits left`);
    await expect(lots.locator("tbody tr").last()).toContainText(/Used up about \d+ \w+ \d{4}/);
    await expectAccessible(page);
  });

  test("as the days pass the lot comes nearer, and what is left of it then is forfeited with a row", async ({ page, world }) => {
    const at = async (days: number) => {
      // An open page would ask for what is new while nobody is there to answer.
      await page.goto("about:blank");
      await world.stopServer();
      await world.startServer({ CLOCK_AHEAD_DAYS: String(days) });
      await page.goto("/settings/credits#lots");
    };
    const lots = page.getByRole("table", { name: "Credits by expiry, soonest first" });
    await at(6);
    const soonest = lots.locator("tbody tr").first();
    await expect(soonest).toContainText("in 5 days");
    const many = await lots.locator("tbody tr").count();
    const words = await soonest.locator(".forecast").textContent();
    expect(words).toMatch(/^About [\d,]+ credits left, then forfeited$/);

    await at(12);
    await expect(lots.locator("tbody tr")).toHaveCount(many - 1);
    await expect(page.locator("table.history tbody tr").first()).toContainText("expired");
  });

  test("the picker says what of a package would expire, and follows the choice", async ({ page }) => {
    await page.goto("/settings/credits/buy");
    const summary = page.locator(".summary-live");
    await expect(summary.getByText("Likely unused")).toBeHidden();
    await preset(page, "50,000").check();
    await expect(summary).toContainText(/Likely unused\s*about [\d,]+ at your pace/);
    await expect(summary).toContainText(/Your year takes\s*up to about [\d,]+ credits/);
    const words = await page.locator(".package").last().textContent();
    const fits = words?.match(/would expire unused at your pace; ([\d,]+) fit your year/)?.[1];
    expect(fits, words ?? "").toBeDefined();
    await preset(page, fits!).check();
    await expect(summary.getByText("Likely unused")).toBeHidden();
    await expect(page.getByText("Lowest cost per credit that you would use")).toHaveCount(1);
  });
});

test.describe("without JavaScript", () => {
  test.use({ as: demo, javaScriptEnabled: false });

  test("the hints stand on the packages", async ({ page }) => {
    await page.goto("/settings/credits/buy");
    const largest = page.locator(".package").last();
    await expect(largest).toContainText(/About [\d,]+ would expire unused at your pace; [\d,]+ fit your year/);
    await page.goto("/settings/credits/buy?package=fund");
    await expect(page.getByRole("main")).toContainText(/Likely unused/);
  });
});

test.describe("without a history", () => {
  test.use({ as: newcomer });

  test("nothing is foretold to who has spent nothing", async ({ page }) => {
    await page.goto("/settings/credits/buy");
    await expect(page.getByText("at your pace")).toHaveCount(0);
    await expect(page.getByText("Lowest cost per credit")).toHaveCount(0);
  });
});
