import type { Locator, Page } from "@playwright/test";
import { demo, expect, newcomer, test } from "./support/test";
import { Program } from "./support/program";
import { available, expectNoReload, order } from "./support/shop";

test.use({ as: demo });

const said = (page: Page): Locator => page.locator("#said");
/** The newest row of the history. */
const newest = (page: Page): Locator => page.locator("table.history tbody tr").first();

/** Fails unless another balance shows before long, the same in the header and on the card. */
async function expectChange(page: Page, before: string): Promise<string> {
  await expect(available(page)).not.toHaveText(before, { timeout: 3_000 });
  const now = await available(page).innerText();
  await expect(page.locator("#available")).toHaveText(`${now} credits`);
  return now;
}

/** As if another tab were chosen, or this one again. */
async function setHidden(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, value: hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

/** The stream of the page, once it is open. */
async function openListening(page: Page, path = "/settings/credits"): Promise<string> {
  const stream = page.waitForResponse((answer) => answer.url().endsWith("/settings/events"));
  await page.goto(path);
  expect((await stream).status()).toBe(200);
  return available(page).innerText();
}

test("what a program spends shows on the open page, and is said", async ({ page, world }) => {
  const program = await Program.of(world, demo);
  const before = await openListening(page);
  const notReloaded = await expectNoReload(page);
  await program.spend();
  const now = await expectChange(page, before);
  await expect(said(page)).toHaveText(`Available: ${now} credits`);
  await expect(newest(page)).toContainText("1 asset");
  await notReloaded();
});

test("what a person writes or has unfolded stays, and so does the focus", async ({ page, world }) => {
  const program = await Program.of(world, demo);
  const before = await openListening(page);
  await page.getByText("Show the days as a table").click();
  await page.getByRole("textbox", { name: "Your own amount of credits" }).fill("1234");
  const seeAll = page.getByRole("link", { name: "See the rows" });
  await seeAll.focus();
  await program.spend();
  const now = await expectChange(page, before);
  await expect(page.getByRole("region", { name: "Credits per day" })).toBeVisible();
  await expect(page.getByRole("textbox", { name: "Your own amount of credits" })).toHaveValue("1234");
  await expect(seeAll).toBeFocused();

  const filter = page.getByRole("searchbox", { name: "Search" });
  await filter.fill("half a wo");
  await program.spend();
  await expectChange(page, now);
  await expect(filter).toBeFocused();
  await expect(filter).toHaveValue("half a wo");
});

test("a busy program is announced calmly, and its last word is right", async ({ page, world }) => {
  const program = await Program.of(world, demo);
  await openListening(page);
  await page.evaluate(() => {
    const said: string[] = [];
    Object.assign(window, { said });
    new MutationObserver(() => said.push(document.getElementById("said")!.textContent!)).observe(document.getElementById("said")!, { childList: true, characterData: true, subtree: true });
  });
  for (let spend = 0; spend < 20; spend++) {
    await program.spend();
    await page.waitForTimeout(200);
  }
  const balance = await page.context().request.get("/settings/credits").then(async (answer) => (await answer.text()).match(/id="header-available">([^<]+)/)![1]);
  await expect(available(page)).toHaveText(balance);
  await expect(said(page)).toHaveText(`Available: ${balance} credits`);
  const announcements = await page.evaluate(() => (window as unknown as { said: string[] }).said.length);
  expect(announcements).toBeLessThanOrEqual(4);
});

test("after the server was killed the page is right again by itself", async ({ page, world, problems }) => {
  problems.allow(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|Failed to fetch/);
  const program = await Program.of(world, demo);
  const before = await openListening(page);
  const notReloaded = await expectNoReload(page);
  await world.stopServer("SIGKILL");
  await world.startServer();
  await program.spend();
  await expect(available(page)).not.toHaveText(before, { timeout: 15_000 });
  await notReloaded();
});

test("a page that nobody sees asks for nothing, and is right when it is looked at again", async ({ page, world }) => {
  const program = await Program.of(world, demo);
  const before = await openListening(page);
  await setHidden(page, true);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await program.spend();
  await page.waitForTimeout(1_500);
  expect(asked).toEqual([]);
  await expect(available(page)).toHaveText(before);
  await setHidden(page, false);
  await expectChange(page, before);
});

test("a page that has missed nothing is not fetched again", async ({ page }) => {
  await openListening(page);
  await setHidden(page, true);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  const stream = page.waitForResponse((answer) => answer.url().endsWith("/settings/events"));
  await setHidden(page, false);
  await stream;
  await page.waitForTimeout(1_000);
  expect(asked).toEqual(["/settings/events"]);
});

test.describe("who has nothing yet", () => {
  test.use({ as: newcomer });

  test("sees the first purchase arrive on Credits Management", async ({ page, context, world, simulator }) => {
    await openListening(page);
    await expect(page.getByText("No rows yet")).toBeVisible();
    const session = await order(context, world, "trader");
    await simulator.pay(session.id, "paid");
    await expect(page.locator("#available")).toHaveText("5,000 credits");
    await expect(newest(page)).toContainText("5,000");
    await expect(page.getByRole("heading", { name: "Credits by expiry" })).toBeVisible();
  });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a reload shows the same", async ({ page, world }) => {
    const program = await Program.of(world, demo);
    await page.goto("/settings/credits");
    const before = await available(page).innerText();
    await program.spend();
    await page.reload();
    await expect(available(page)).not.toHaveText(before);
  });
});
