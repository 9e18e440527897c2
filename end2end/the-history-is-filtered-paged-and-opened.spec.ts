import { demo, expect, newcomer, test } from "./support/test";
import { thousandths } from "./support/shop";
import { download, shownAmounts, shownRows, sum } from "./support/history";

test.use({ as: demo });

test("the history is paged without a gap", async ({ page }) => {
  await page.goto("/settings/credits/history");
  const pages = page.getByRole("navigation", { name: "Pages of the history" });
  const numbers = () => shownRows(page).evaluateAll((rows) => rows.map((row) => Number(row.id.replace("row-", ""))));
  await expect(pages.getByRole("link", { name: "Newer" })).toBeDisabled();
  const first = await numbers();
  expect(first).toHaveLength(25);
  await pages.getByRole("link", { name: "Older" }).click();
  await expect(page).toHaveURL(/before=/);
  const second = await numbers();
  expect(second).toEqual(Array.from({ length: 25 }, (_, index) => first[24] - 1 - index));
  await pages.getByRole("link", { name: "Newer" }).click();
  await expect(page).toHaveURL(/after=/);
  expect(await numbers()).toEqual(first);

  await test.step("to the oldest row", async () => {
    await page.goto("/settings/credits/history?before=11");
    expect(await numbers()).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    await expect(pages.getByRole("link", { name: "Older" })).toBeDisabled();
  });
});

test("the history is filtered, and the file has the same rows", async ({ page }) => {
  await page.goto("/settings/credits/history");
  const filter = page.getByRole("button", { name: "Filter" });

  await test.step("by kind", async () => {
    await page.getByRole("combobox", { name: "Kind" }).selectOption("Granted");
    await filter.click();
    await expect(page).toHaveURL(/kind=granted/);
    await expect(page.getByRole("combobox", { name: "Kind" })).toHaveValue("granted");
    const rows = await download(page);
    expect(rows.every((row) => row.kind === "granted" && row.credits > 0)).toBe(true);
    expect(await shownAmounts(page)).toEqual(rows.map((row) => row.credits));
    await expect(shownRows(page).locator("td.kind")).toHaveText(rows.map(() => "Granted"));
  });

  await test.step("by what became of work", async () => {
    await page.getByRole("combobox", { name: "Kind" }).selectOption("Released (failed, cancelled or expired)");
    await filter.click();
    await expect(page).toHaveURL(/kind=released/);
    await expect(page.getByRole("combobox", { name: "Kind" })).toHaveValue("released");
    await expect(page.getByText("No rows match")).toBeVisible();
  });

  await test.step("by operation", async () => {
    await page.getByRole("link", { name: "Clear", exact: true }).click();
    await page.getByRole("combobox", { name: "Operation" }).selectOption("Strategy generation");
    await filter.click();
    await expect(shownRows(page).locator("td.kind")).toHaveText(Array.from({ length: 25 }, () => "Strategy generation"));
  });

  await test.step("by text", async () => {
    const name = await shownRows(page).nth(3).getByRole("link").innerText();
    await page.getByRole("searchbox", { name: "Search" }).fill(name.toUpperCase());
    await filter.click();
    await expect(shownRows(page).getByRole("link").first()).toHaveText(name);
    const found = await shownRows(page).getByRole("link").allInnerTexts();
    expect(found.every((text) => text.includes(name))).toBe(true);
    expect((await download(page)).every((row) => `${row.description} ${row.reference}`.includes(name))).toBe(true);
  });

  await test.step("by dates, both included", async () => {
    await page.getByRole("link", { name: "Clear" }).click();
    const all = await download(page);
    const day = (row: { time: string }) => row.time.slice(0, 10);
    const [from, to] = [day(all[300]), day(all[200])];
    await page.getByLabel("From", { exact: true }).fill(from);
    await page.getByLabel("To", { exact: true }).fill(to);
    await filter.click();
    await expect(page).toHaveURL(new RegExp(`from=${from}&to=${to}`));
    expect(await download(page)).toEqual(all.filter((row) => day(row) >= from && day(row) <= to));
  });

  await test.step("to nothing", async () => {
    await page.getByRole("searchbox", { name: "Search" }).fill("no such thing");
    await filter.click();
    await expect(page.getByText("No rows match")).toBeVisible();
    await page.getByRole("link", { name: "Clear the filter" }).click();
    await expect(shownRows(page)).toHaveCount(25);
  });
});

test("a row opens to the lots that it took from", async ({ page }) => {
  await page.goto("/settings/credits/history?kind=spent");
  const row = shownRows(page).nth(2);
  const amount = thousandths(await row.locator("td.amount").innerText());
  const link = row.getByRole("link");
  await expect(link).toHaveAttribute("aria-expanded", "false");
  await link.click();
  await expect(link).toHaveAttribute("aria-expanded", "true");
  const detail = page.locator("tr.detail");
  await expect(detail.getByRole("heading", { name: "Paid from" })).toBeVisible();
  await expect(detail).toContainText(/Expires \d+ \w{3} \d{4}/);
  const taken = await detail.locator("tbody td.num").allInnerTexts();
  expect(sum(taken.map(thousandths).map(Math.abs))).toBe(-amount);
  await expect(page).toHaveURL(/kind=spent/);
  await link.click();
  await expect(detail).toHaveCount(0);
});

test("a mistyped filter or cursor shows more, never an error", async ({ page }) => {
  for (const query of ["kind=stolen", "operation=", "before=-1", "before=99999999999999999999", "after=x", "from=31.12.2026", "to=0000-00-00", "open=0", "text=%FF%00", "page=7"]) {
    const answer = await page.goto(`/settings/credits/history?${query}`);
    expect(answer?.status(), query).toBe(200);
  }
});

test.describe("of who has none yet", () => {
  test.use({ as: newcomer });

  test("an empty history says what will be there", async ({ page }) => {
    await page.goto("/settings/credits/history");
    await expect(page.getByText("No rows yet")).toBeVisible();
    await page.goto("/settings/credits");
    await expect(page.locator("#available")).toHaveText("0 credits");
    await expect(page.getByText("Your usage will appear here")).toBeVisible();
  });
});
