// axe-core on the page as it stands, whatever its content security policy.
import { type Page, expect } from "@playwright/test";
import { type AxeResults, source } from "axe-core";

/** Fails on serious and critical violations of WCAG 2.2 A and AA. */
export async function expectAccessible(page: Page): Promise<void> {
  await page.evaluate(source);
  const results: AxeResults = await page.evaluate(() =>
    (window as unknown as { axe: typeof import("axe-core") }).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
      resultTypes: ["violations"],
    }),
  );
  const grave = results.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect.soft(grave, `accessibility of ${page.url()}`).toEqual([]);
}
