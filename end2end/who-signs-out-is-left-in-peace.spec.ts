// A page that stays open after its reader has signed out in another tab: nothing is told to it, and nothing of that
// is an error.
import { demo, expect, signIn, test } from "./support/test";

test.use({ as: demo });

test("an open page ends its stream without an error, and listens again after the next sign-in", async ({ page, context, world }) => {
  const stream = (status: number) =>
    page.waitForResponse((answer) => answer.url().endsWith("/settings/events") && answer.status() === status, { timeout: 20_000 });
  const open = stream(200);
  await page.goto("/settings/credits");
  await open;

  const ended = stream(204);
  const elsewhere = await context.newPage();
  await elsewhere.goto("/settings/notices");
  await elsewhere.getByLabel(/account menu/).click();
  await elsewhere.getByRole("button", { name: "Sign out" }).click();
  await expect(elsewhere).toHaveURL(/\/sign-in/);
  await page.bringToFront();
  await ended;

  const again = stream(200);
  await signIn(context, world, demo);
  await again;
});
