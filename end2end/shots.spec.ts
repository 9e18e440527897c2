import { demo, expect, test } from "./support/test";
test.use({ as: demo });
test("shots", async ({ page, world, problems }) => {
  test.setTimeout(240_000);
  problems.allow(/.*/);
  const shoot = async (name: string, path?: string) => {
    for (const [width, height] of [[1440, 900], [768, 1000], [360, 740]]) for (const colorScheme of ["light", "dark"] as const) {
      if (width === 768 && colorScheme === "dark") continue;
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      if (path) await page.goto(path);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
      if (wide) console.log("TOO WIDE", name, width);
      await page.screenshot({ path: `/tmp/recharge-shots/${name}-${width}-${colorScheme}.png`, fullPage: true });
    }
    await page.setViewportSize({ width: 1440, height: 900 });
  };
  const P = "/settings/auto-recharge";
  const save = async (card: string) => {
    await page.getByRole("button", { name: /Save a card|Use another card/ }).first().click();
    await page.getByLabel("Card number").fill(card);
    await shoot("stripe");
    await page.getByRole("button", { name: /Save payment method/ }).click();
  };
  await page.goto(P);
  await shoot("empty", P);
  await save("4242 4242 4242 4242");
  await expect(page.getByText("Your card is saved.")).toBeVisible();
  await shoot("choose");
  await shoot("problems", `${P}?threshold=0&package=custom&amount=5&monthly_cap=1&per_day=3&cooldown=1`);
  await shoot("agree", `${P}?threshold=5000&package=trader&amount=&monthly_cap=690&per_day=3&cooldown=1`);
  await page.getByRole("button", { name: "Switch auto-recharge on" }).click();
  await shoot("no-consent");
  await page.getByRole("checkbox").check();
  await page.getByRole("button", { name: "Switch auto-recharge on" }).click();
  await shoot("on");
  await expect(async () => { await page.goto(P); await expect(page.locator("main")).toContainText("Credited", { timeout: 500 }); }).toPass({ timeout: 35_000 }).catch(() => console.log("not recharged: balance above"));
  await shoot("recharged", P);
  await save("4000 0000 0000 0341");
});
