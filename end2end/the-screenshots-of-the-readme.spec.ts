// UPDATE_SCREENSHOTS=1 make e2e ARGS=screenshots takes them anew; else they go to the test results.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./support/programs";
import { demo, expect, test } from "./support/test";
import { livePicker } from "./support/shop";

const width = 1440;
const screenshot = (colorScheme: string) => `end2end/screenshots/credits-${colorScheme}.png`;

/** Width and height of a PNG, as its head says. */
const size = (png: Buffer): [number, number] => [png.readUInt32BE(16), png.readUInt32BE(20)];

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ as: demo, viewport: { width, height: 900 }, colorScheme });

    test(`the screenshot is taken and shows the whole page, ${colorScheme}`, async ({ page }, info) => {
      await page.goto("/settings/credits");
      await livePicker(page);
      await expect(page.locator("form.estimate.is-live")).toBeVisible();
      const asked = process.env.UPDATE_SCREENSHOTS ? join(root, screenshot(colorScheme)) : undefined;
      const picture = await page.screenshot({ path: asked ?? info.outputPath(`credits-${colorScheme}.png`), fullPage: true });
      const [wide, high] = size(picture);
      expect(wide).toBe(width);

      const kept = size(await readFile(join(root, screenshot(colorScheme))));
      for (const [name, part] of [
        ["the menu", page.getByRole("navigation", { name: "Settings" })],
        ["the balance", page.getByRole("region", { name: "Balance" })],
        ["the usage", page.getByRole("region", { name: "Usage" })],
        ["the packages", page.locator("form.buy")],
        ["the estimator", page.locator("form.estimate")],
        ["the lots", page.getByRole("table", { name: "Credits by expiry, soonest first" })],
        ["the history", page.locator("table.history")],
      ] as const) {
        await expect(part, name).toBeVisible();
        const box = (await part.boundingBox())!;
        expect(box.x + box.width, `${name} within the picture`).toBeLessThanOrEqual(wide);
        expect(box.y + box.height, `${name} within the picture`).toBeLessThanOrEqual(high);
        // A lot more or less moves what is below it: the picture of the README needn't be of today.
        expect(box.y, `${name} begins within the picture of the README`).toBeLessThan(kept[1]);
      }
    });
  });
}

test("the README shows both screenshots", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  for (const path of [screenshot("light"), screenshot("dark")]) {
    expect(readme).toContain(`](${path})`);
    const [wide] = size(await readFile(join(root, path)));
    expect(wide, `the width of ${path}`).toBe(width);
  }
});
