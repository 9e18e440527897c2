import type { APIRequestContext } from "@playwright/test";
import { demo, expect, expectAccessible, test } from "./support/test";
import type { World } from "./support/world";

/** What a service of the platform asks of the API. */
async function ask(request: APIRequestContext, world: World, key: string, path: string, data: object): Promise<Record<string, string>> {
  const headers = { authorization: `Bearer ${key}`, "idempotency-key": crypto.randomUUID() };
  const answer = await request.post(`${world.url}/api/v1${path}`, { headers, data });
  expect(answer.status(), await answer.text()).toBe(201);
  return answer.json();
}

/** A new link for somebody whom the platform brings along. */
async function bringAlong(request: APIRequestContext, world: World): Promise<() => Promise<string>> {
  const scopes = ["read", "spend", "grant"].flatMap((scope) => ["--scope", scope]);
  const key = (await world.recharge("api-key", "add", "--service", "--name", "platform", ...scopes)).trim();
  const who = { external_id: "user-17", email: "ada@platform.test", name: "Ada Example", zone: "Europe/Berlin" };
  const { account } = await ask(request, world, key, "/accounts", who);
  return async () => (await ask(request, world, key, `/accounts/${account}/sign-in-links`, {})).url;
}

test("who comes from the platform needs no second sign-in", async ({ page, playwright, world, problems }) => {
  problems.allow(/status of 404/);
  const link = await bringAlong(await playwright.request.newContext(), world);
  const url = await link();
  await page.goto(url);
  await expect(page).toHaveURL(`${world.url}/settings/credits`);
  await expect(page.getByLabel(/account menu of Ada Example/)).toBeVisible();

  await test.step("the link works once", async () => {
    await page.goto(url);
    await expect(page.getByRole("heading", { name: "This link no longer works" })).toBeVisible();
    await expectAccessible(page);
  });

  await test.step("and leads on to where one wanted to go", async () => {
    await page.goto(`${await link()}?next=/settings/api-keys`);
    await expect(page.getByRole("heading", { name: "API keys" })).toBeVisible();
  });
});

test.describe("of somebody who is signed in already", () => {
  test.use({ as: demo });

  test("a link for somebody else asks first", async ({ page, playwright, world }) => {
    const link = await bringAlong(await playwright.request.newContext(), world);
    await page.goto(await link());
    await expect(page.getByText("Mira Lindqvist will be signed out in this browser.")).toBeVisible();
    await expectAccessible(page);
    await page.getByRole("link", { name: "Stay signed in as Mira Lindqvist" }).click();
    await expect(page.getByLabel(/account menu of Mira Lindqvist/)).toBeVisible();
    await page.goto(await link());
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page.getByLabel(/account menu of Ada Example/)).toBeVisible();
  });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("one click is enough", async ({ page, playwright, world }) => {
    const link = await bringAlong(await playwright.request.newContext(), world);
    await page.goto(await link());
    await page.getByRole("button", { name: "Continue" }).click();
    await expect(page.getByLabel(/account menu of Ada Example/)).toBeVisible();
  });
});
