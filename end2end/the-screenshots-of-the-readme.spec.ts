// UPDATE_SCREENSHOTS=1 make e2e ARGS=screenshots takes them anew; else they go to the test results.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "./support/programs";
import { demo, expect, test } from "./support/test";
import { livePicker } from "./support/shop";

const width = 1440;
const screenshot = (colorScheme: string) => `end2end/screenshots/credits-${colorScheme}.png`;

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in the ${colorScheme} theme`, () => {
    test.use({ as: demo, viewport: { width, height: 1840 }, colorScheme });

    test(`the screenshot is taken, ${colorScheme}`, async ({ page }, info) => {
      await page.goto("/settings/credits");
      await livePicker(page);
      const asked = process.env.UPDATE_SCREENSHOTS ? join(root, screenshot(colorScheme)) : undefined;
      const picture = await page.screenshot({ path: asked ?? info.outputPath(`credits-${colorScheme}.png`) });
      expect(picture.readUInt32BE(16)).toBe(width);
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
