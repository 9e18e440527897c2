// A customer sets a threshold, a program crosses it, and the customer hears of it; then they end that kind of mail.
import { readAvailable } from "./support/shop";
import { demo, expect, expectAccessible, test } from "./support/test";
import type { World } from "./support/world";

/** What came by mail with this subject, as it was sent. */
async function mailAbout(world: World, subject: string): Promise<string> {
  const found = async () => (await world.mails()).find((mail) => mail.includes(`Subject: ${subject}`));
  await expect.poll(async () => (await found()) !== undefined, { message: `a mail "${subject}"`, timeout: 20_000 }).toBe(true);
  return (await found())!;
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ as: demo, javaScriptEnabled });

    test("a low balance is told by notice and mail, until one unsubscribes", async ({ page, playwright, world, problems }) => {
      const available = await readAvailable(page);
      const threshold = Math.floor(available / 1_000) - 10;
      await page.goto("/settings/notifications");
      await page.getByRole("radio", { name: "When it falls below an amount of credits" }).check();
      const amount = page.getByRole("textbox", { name: "When it falls below an amount of credits" });
      await test.step("what can't be meant is said at its field", async () => {
        problems.allow(/status of 422/);
        await amount.fill("a lot");
        await page.getByRole("button", { name: "Save" }).click();
        await expect(page.locator("#amount-error")).toContainText("Write an amount");
      });
      await amount.fill(threshold.toString());
      await page.getByRole("button", { name: "Save" }).click();
      await expect(page.getByText("Your choice is saved.")).toBeVisible();

      const key = (await world.recharge("api-key", "add", "--email", demo, "--name", "Work", "--scope", "spend")).trim();
      const headers = { authorization: `Bearer ${key}`, "idempotency-key": "work" };
      const program = await playwright.request.newContext();
      const data = { operation: "inference", amount: "20" };
      const spent = await program.post(`${world.url}/api/v1/usage`, { headers, data });
      expect(spent.status(), await spent.text()).toBeLessThan(300);

      const subject = `Your balance is below ${threshold.toLocaleString("en-US")} credits`;
      const mail = await mailAbout(world, subject);
      await page.goto("/settings/credits");
      await page.getByRole("link", { name: /^Inbox, \d+ unread$/ }).click();
      await expect(page.getByRole("heading", { name: subject })).toBeVisible();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Mark all as read" }).click();
      await expect(page.getByRole("button", { name: "Mark all as read" })).toHaveCount(0);
      await expect(page.getByRole("link", { name: /unread$/ })).toHaveCount(0);

      const link = mail.match(/^List-Unsubscribe: <(\S+)>/m)?.[1];
      expect(link).toContain(`${world.url}/unsubscribe/`);
      await page.goto(link!);
      await expectAccessible(page);
      await page.getByRole("button", { name: "Unsubscribe" }).click();
      await expect(page.getByRole("heading", { name: "You are unsubscribed" })).toBeVisible();
      await page.getByRole("link", { name: "See all notifications" }).click();
      await expect(page.getByRole("checkbox", { name: "Low balance: by e-mail" })).not.toBeChecked();
      await expect(page.getByRole("checkbox", { name: "Low balance: in the inbox" })).toBeChecked();
    });
  });
}
