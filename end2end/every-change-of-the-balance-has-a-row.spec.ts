import { demo, expect, test } from "./support/test";
import { Program } from "./support/program";
import { readAvailable, thousandths, written } from "./support/shop";
import { download, shownAmounts, shownRows, sum } from "./support/history";

test.use({ as: demo });

test("every change of the balance has a row", async ({ page }) => {
  const balance = await readAvailable(page);
  await page.goto("/settings/credits/history");
  const rows = await download(page);

  expect(rows.length).toBeGreaterThan(4_000);
  expect(sum(rows.map((row) => row.credits)), "the rows sum to the balance").toBe(balance);
  const gaps = rows.filter((row, index) => row.balanceAfter - row.credits !== (rows[index + 1]?.balanceAfter ?? 0));
  expect(gaps, "each row starts from the balance of the one before").toEqual([]);

  await test.step("the page shows the latest of them", async () => {
    await expect(shownRows(page)).toHaveCount(25);
    expect(await shownAmounts(page)).toEqual(rows.slice(0, 25).map((row) => row.credits));
    await expect(page.getByText("Balance after them").locator("xpath=following-sibling::dd")).toHaveText(written(balance));
  });
});

test("the usage of a cycle adds up to what was consumed", async ({ page }) => {
  await page.goto("/settings/credits");
  const consumed = page.locator(".balance .cell").filter({ hasText: "Consumed this cycle" });
  const total = thousandths(await consumed.locator(".figure").innerText());
  const types = page.getByRole("table", { name: "Credits consumed in this cycle by type of operation" });
  const ofTypes = (await types.locator("tbody td:nth-of-type(1)").allInnerTexts()).map(thousandths);
  expect(ofTypes).toHaveLength(4);
  expect(sum(ofTypes), "four types").toBe(total);
  const shares = (await types.locator("tbody td:nth-of-type(2)").allInnerTexts()).map(thousandths);
  expect(sum(shares), "shares").toBe(100_000);

  await page.getByText("Show the days as a table").click();
  const days = page.getByRole("table", { name: "Credits consumed per day and type of operation" });
  const ofDays = (await days.locator("tbody td:last-child").allInnerTexts()).map(thousandths);
  expect(sum(ofDays), "the days").toBe(total);

  await test.step("the rows behind the figure have the same sum", async () => {
    await consumed.getByRole("link", { name: "See the rows" }).click();
    const rows = await download(page);
    expect(rows.every((row) => row.kind === "spent")).toBe(true);
    expect(sum(rows.map((row) => row.credits))).toBe(-total);
  });

  await test.step("and so have those behind a type", async () => {
    await page.goBack();
    await types.getByRole("link", { name: "Backtesting" }).click();
    const rows = await download(page);
    expect(sum(rows.map((row) => row.credits))).toBe(-ofTypes[2]);
  });
});

test("an earlier cycle is chosen by its dates", async ({ page }) => {
  await page.goto("/settings/credits");
  const cycles = page.getByRole("combobox", { name: "Billing cycle" });
  const [latest, before] = await cycles.locator("option").allInnerTexts();
  await cycles.selectOption(before);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(cycles.locator("option:checked")).toHaveText(before);
  await expect(page.locator(".usage-foot")).toContainText("in all");
  await cycles.selectOption(latest);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  await expect(page.locator(".usage-foot")).toContainText("Your pace");
});

test("the lots are the balance, soonest expiry first", async ({ page }) => {
  const balance = await readAvailable(page);
  const lots = page.getByRole("table", { name: "Credits by expiry, soonest first" }).locator("tbody tr");
  const left = (await lots.locator("td:nth-child(2) > span:first-child").allInnerTexts()).map(thousandths);
  expect(sum(left)).toBe(balance);
  const ends = await lots.locator(".expires time").evaluateAll((times) => times.map((time) => Date.parse(time.getAttribute("datetime")!)));
  expect(ends).toEqual([...ends].sort((one, other) => one - other));
});

test("what is held stands apart, and its rows are behind it", async ({ page, world }) => {
  const balance = await readAvailable(page);
  const card = page.locator(".balance .cell").filter({ has: page.locator("#available") });
  await expect(card).toContainText("Nothing is held");
  await (await Program.of(world, demo)).hold("75");
  await page.reload();
  await expect(page.locator("#available")).toHaveText(`${written(balance - 75_000)} credits`);
  await expect(card).toContainText(`75 credits held for running operations. Balance ${written(balance)} credits.`);
  await card.getByRole("link", { name: "See the holds" }).click();
  await expect(page).toHaveURL(/\/settings\/credits\/history\?kind=held$/);
  await expect(shownRows(page)).toHaveCount(1);
  await expect(shownRows(page)).toContainText("75 credits held");
});
