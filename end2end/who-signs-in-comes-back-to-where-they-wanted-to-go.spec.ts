import type { Page } from "@playwright/test";
import { demo, expect, password, signIn, support, test } from "./support/test";

async function fillIn(page: Page, email: string, secret: string): Promise<void> {
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
}

test("who signs in comes back to where they wanted to go", async ({ page, world }) => {
  await page.goto("/settings/credits/history?kind=granted&text=research");
  await expect(page).toHaveURL(/\/sign-in\?next=/);

  await test.step("a wrong password says so and forgets nothing", async () => {
    await fillIn(page, demo, "not-my-password");
    await expect(page.getByRole("alert")).toContainText("E-mail or password is wrong.");
    await expect(page.getByLabel("Password")).toHaveValue("");
  });

  await test.step("an unknown person reads the same", async () => {
    await fillIn(page, "nobody@recharge.test", password);
    await expect(page.getByRole("alert")).toContainText("E-mail or password is wrong.");
  });

  await fillIn(page, demo, password);
  await expect(page).toHaveURL(`${world.url}/settings/credits/history?kind=granted&text=research`);
  await expect(page.getByRole("searchbox", { name: "Search" })).toHaveValue("research");

  await test.step("who is signed in needs no form", async () => {
    await page.goto("/sign-in");
    await expect(page).toHaveURL(`${world.url}/settings/credits`);
  });
});

test("signing in never leads off the site", async ({ page, context, world }) => {
  const elsewhere = ["https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/sign-in?next=//evil.example", "javascript:alert(1)"];
  for (const next of elsewhere) {
    await test.step(next, async () => {
      await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
      await fillIn(page, demo, password);
      await expect(page).toHaveURL(`${world.url}/settings/credits`);
      // The page is left first: it would notice that its session is gone.
      await page.goto("about:blank");
      await context.clearCookies();
    });
  }
});

test("who guesses passwords has to wait, and is told so", async ({ page, context, world }) => {
  const headers = { origin: world.url, "sec-fetch-site": "same-origin" };
  const guess = () => context.request.post(`${world.url}/sign-in`, { form: { email: demo, password: "a guess", next: "" }, headers, maxRedirects: 0 });
  for (let guesses = 0; guesses < 10; guesses += 1) expect((await guess()).headers().location).toBe("/sign-in?error=1");
  await page.goto("/sign-in");
  await fillIn(page, demo, password);
  await expect(page.getByRole("alert")).toContainText("Too many attempts.");
});

test("each has a home of their own", async ({ page, context, world }) => {
  await page.goto("/");
  await expect(page).toHaveURL(/\/sign-in/);
  await signIn(context, world, demo);
  await page.goto("/");
  await expect(page).toHaveURL(`${world.url}/settings/credits`);
  await expect(page).toHaveTitle(/Credits Management/);
  await expect(page.getByRole("navigation", { name: "Settings" }).getByRole("link", { name: "Credits Management" })).toHaveAttribute("aria-current", "page");
  await context.clearCookies();
  await signIn(context, world, support);
  await page.goto("/");
  await expect(page).toHaveURL(`${world.url}/support`);
});

test("who signs out is out, also with the old cookie", async ({ page, context, world }) => {
  await signIn(context, world, demo);
  const cookies = await context.cookies();
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  await page.goto("/settings/credits");
  await page.getByLabel("account menu of Mira Lindqvist").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page).toHaveURL(`${world.url}/sign-in`);

  await context.addCookies(cookies);
  await page.goto("/settings/credits");
  await expect(page).toHaveURL(/\/sign-in\?next=/);
});

test("another site can't act for who is signed in", async ({ context, world, simulator }) => {
  await signIn(context, world, demo);
  const answer = await context.request.post(`${world.url}/settings/credits/buy`, {
    form: { package: "trader", intent: "8a3f0b9e-2a8c-4f0e-9c39-0f6f4f2f6a11", terms: "accepted" },
    headers: { origin: "https://evil.example", "sec-fetch-site": "cross-site" },
    maxRedirects: 0,
  });
  expect(answer.status()).toBe(403);
  expect(await simulator.sessions()).toEqual([]);
});
