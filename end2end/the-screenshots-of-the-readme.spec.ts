// UPDATE_SCREENSHOTS=1 make e2e writes them anew; else they are only shown to be there.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { demo, expect, test } from "./support/test";
import { livePicker } from "./support/shop";

test.use({ as: demo, viewport: { width: 1440, height: 1840 } });

for (const colorScheme of ["light", "dark"] as const) {
  test(`the screenshot of Credits Management, ${colorScheme}`, async ({ page }) => {
    const path = join(__dirname, "screenshots", `credits-${colorScheme}.png`);
    await page.emulateMedia({ colorScheme });
    await page.goto("/settings/credits");
    await livePicker(page);
    if (process.env.UPDATE_SCREENSHOTS) await page.screenshot({ path });
    expect(await page.screenshot(), "the page can be drawn").not.toHaveLength(0);
    const kept = await readFile(path);
    expect(kept.readUInt32BE(16), "its width").toBe(1440);
  });
}
