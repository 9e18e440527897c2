import type { Page } from "@playwright/test";
import { expect, expectAccessible, newcomer, test } from "./support/test";

test.use({ as: newcomer });

const newKey = (page: Page) => page.locator("#new-key");
const row = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });
const question = (page: Page, name: string) => page.getByRole("dialog", { name: `Revoke “${name}”?` });

/** Makes a key by the form, and holds that the page shows it whole. */
async function make(page: Page, name: string): Promise<string> {
  await page.getByLabel("Name").fill(name);
  await page.getByRole("checkbox", { name: /^Spend/ }).check();
  await page.getByLabel("Ceiling per run").fill("100");
  await page.getByRole("button", { name: "Make the key" }).click();
  await expect(page.getByRole("heading", { name: `“${name}” is made` })).toBeVisible();
  await expect(newKey(page)).toHaveText(/^rcg_[0-9a-f]{16}_[0-9a-f]{64}$/);
  return newKey(page).innerText();
}

async function revoke(page: Page, name: string): Promise<void> {
  await row(page, name).getByRole("button", { name: `Revoke ${name}` }).click();
  await question(page, name).getByRole("button", { name: "Revoke the key" }).click();
  await expect(page.getByText(`“${name}” is revoked.`)).toBeVisible();
  await expect(row(page, name)).toContainText("Revoked");
  await expect(row(page, name).getByRole("button")).toHaveCount(0);
}

test("a key is shown once and ends when it is revoked", async ({ page, context, playwright }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/settings/credits");
  await page.getByRole("link", { name: "API keys" }).click();
  await expect(page.getByRole("heading", { name: "No keys yet" })).toBeVisible();

  const key = await make(page, "Night worker");
  expect(page.url(), "a key is in no address").not.toContain("rcg_");
  await page.getByRole("button", { name: "Copy the key" }).click();
  await expect(page.locator("#copied")).toHaveText("Copied.");
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key);

  await test.step("and never again", async () => {
    await page.getByRole("link", { name: "API keys" }).click();
    await expect(row(page, "Night worker")).toContainText("Read and spend");
    await expect(row(page, "Night worker")).toContainText("100 credits");
    expect(await page.content()).not.toContain(key.split("_")[2]);
  });

  const program = await playwright.request.newContext({ extraHTTPHeaders: { authorization: `Bearer ${key}` } });
  const example = (await page.locator("pre code").innerText()).match(/http\S+/)![0];
  await test.step("the example on the page works with it", async () => {
    const answer = await program.get(example);
    expect(answer.status(), await answer.text()).toBe(200);
  });

  await test.step("revoking asks first", async () => {
    await row(page, "Night worker").getByRole("button").click();
    await question(page, "Night worker").getByRole("button", { name: "Keep it" }).click();
    await expect(question(page, "Night worker")).toBeHidden();
    await expect(row(page, "Night worker")).not.toContainText("Revoked");
  });
  await revoke(page, "Night worker");
  expect((await program.get(example)).status(), "a revoked key is refused").toBe(401);
  await program.dispose();
});

test("making a key can be done by everybody", async ({ page, problems }) => {
  problems.allow(/status of 422/);
  const everywhere = async (state: string) =>
    test.step(state, async () => {
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await expectAccessible(page);
      }
    });
  await page.goto("/settings/api-keys");
  await everywhere("no keys");

  await page.getByRole("checkbox", { name: /^Read/ }).uncheck();
  await page.getByLabel("Ceiling per run").fill("much");
  await page.getByRole("button", { name: "Make the key" }).click();
  await expect(page.getByLabel("Name")).toHaveAccessibleDescription(/a name of 1 to 80 characters/);
  await expect(page.getByRole("group", { name: "What it may do" })).toContainText("Choose what the key may do.");
  await expect(page.getByLabel("Ceiling per run")).toHaveValue("much");
  await everywhere("a form with problems");

  await make(page, "Night worker");
  await everywhere("a new key");
  await row(page, "Night worker").getByRole("button").press("Enter");
  await expect(question(page, "Night worker")).toBeVisible();
  await everywhere("the question before revoking");
  await page.keyboard.press("Escape");
  await expect(question(page, "Night worker")).toBeHidden();
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a key is made and revoked", async ({ page }) => {
    await page.goto("/settings/api-keys");
    const key = await make(page, "Night worker");
    await expect(page.getByRole("button", { name: "Copy the key" })).toBeHidden();
    await newKey(page).click();
    await page.goto("/settings/api-keys");
    expect(await page.content()).not.toContain(key.split("_")[2]);
    await revoke(page, "Night worker");
  });
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test("no page of keys scrolls sideways", async ({ page, problems }) => {
    problems.allow(/status of 422/);
    const widths = () => page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    const expectNarrow = async () => {
      // Text is there before the styles are.
      await page.waitForLoadState();
      const [needed, there] = await widths();
      expect(needed).toBeLessThanOrEqual(there);
    };
    await page.goto("/settings/api-keys");
    await expectNarrow();
    await page.getByRole("button", { name: "Make the key" }).click();
    await expect(page.getByText("Give the key a name")).toBeVisible();
    await expectNarrow();
    await make(page, "A name as long as it may be, in words and withoutblanksofwhichonecouldmakelines");
    await expectNarrow();
    await page.getByRole("button", { name: /^Revoke/ }).click();
    await expectNarrow();
  });
});
