// UPDATE_SCREENSHOTS=1 make e2e ARGS=screenshots takes them anew; else the tree stays as it is.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./support/programs";
import { demo, expect, test } from "./support/test";
import { livePicker } from "./support/shop";

const width = 1440;
const screenshot = (colorScheme: string) => `end2end/screenshots/credits-${colorScheme}.png`;

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.skip(!process.env.UPDATE_SCREENSHOTS, "only where they are asked for");
    test.use({ as: demo, viewport: { width, height: 1840 }, colorScheme });

    test(`the screenshot is taken, ${colorScheme}`, async ({ page }) => {
      await page.goto("/settings/credits");
      await livePicker(page);
      await page.screenshot({ path: join(root, screenshot(colorScheme)) });
    });
  });
}

test("the README shows both screenshots", async () => {
  const readme = await readFile(join(root, "README.md"), "utf8");
  for (const path of [screenshot("light"), screenshot("dark")]) {
    expect(readme).toContain(`](${path})`);
    const picture = await readFile(join(root, path));
    expect(picture.readUInt32BE(16), `the width of ${path}`).toBe(width);
  }
});
