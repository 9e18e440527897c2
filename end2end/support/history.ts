// What a history says, on a page and in its file.
import { readFile } from "node:fs/promises";
import { type Locator, type Page, expect } from "@playwright/test";
import { thousandths } from "./shop";

/** One row of the file, amounts in thousandths of credits. */
export type Row = { row: number; time: string; kind: string; operation: string; description: string; reference: string; credits: number; balanceAfter: number };

/** The rows on the page, without the opened details. */
export const shownRows = (page: Page): Locator => page.locator("table.history > tbody > tr:not(.detail)");

/** The amounts on the page, newest first. */
export async function shownAmounts(page: Page): Promise<number[]> {
  return (await shownRows(page).locator("td.amount").allInnerTexts()).map(thousandths);
}

/** The file behind the page's link of this name, newest row first. */
export async function download(page: Page, name = "Download CSV"): Promise<Row[]> {
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name }).click();
  const file = await download;
  expect(file.suggestedFilename()).toMatch(/^recharge-history.*\.csv$/);
  return rows(await readFile(await file.path(), "utf8"));
}

function rows(csv: string): Row[] {
  const [head, ...lines] = csv.trimEnd().split("\n").map(cells);
  return lines.map((line) => {
    const cell = (name: string) => line[head.indexOf(name)];
    const [kind, operation, description] = [cell("kind"), cell("operation"), cell("description")];
    const [credits, balanceAfter] = [thousandths(cell("credits")), thousandths(cell("balance_after"))];
    return { row: Number(cell("row")), time: cell("time"), kind, operation, description, reference: cell("reference"), credits, balanceAfter };
  });
}

function cells(line: string): string[] {
  const found = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g);
  return [...found].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain.trim());
}

/** Their sum, in thousandths. */
export const sum = (amounts: number[]): number => amounts.reduce((total, amount) => total + amount, 0);
