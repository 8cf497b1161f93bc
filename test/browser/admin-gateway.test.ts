import { randomBytes, randomUUID } from "node:crypto";
import { expect } from "vitest";
import { newPairingCode } from "../../src/platform/pairing-code.ts";
import { asOperator, insert, makeTalk, openPage } from "./support/admin.ts";
import { eventually } from "./support/chat.ts";

asOperator("agents: asked for a test, switched off and on, registered and taken back", "/agents", async (desk) => {
  const { page, user } = desk;
  const table = page.getByRole("table", { name: "Agents" });
  await table.getByRole("row").filter({ hasText: "helper" }).getByText("healthy").waitFor();
  await page.getByRole("button", { name: "Test helper" }).click();
  const test = page.getByRole("dialog", { name: "Test helper" });
  await test.getByRole("button", { name: "Ask" }).click();
  await test.getByText("It answers").waitFor();
  await page.keyboard.press("Escape");
  await test.waitFor({ state: "detached" });

  const name = `far-${user.slice(-8)}`;
  await page.getByRole("button", { name: "Register an agent" }).click();
  const form = page.getByRole("dialog", { name: /^Register an agent/ });
  await form.getByRole("textbox", { name: "Name" }).fill(name);
  await form.getByRole("textbox", { name: /^Address/ }).fill("https://far.example/v1");
  await form.getByRole("button", { name: "Register" }).click();
  await page.getByRole("button", { name: `Disable ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Disable it" }).click();
  await page.getByRole("button", { name: `Enable ${name}` }).waitFor();
  await table.getByRole("row").filter({ hasText: name }).getByText("off", { exact: true }).waitFor();
  await page.getByRole("button", { name: `Remove ${name}` }).click();
  const sure = page.getByRole("dialog", { name: new RegExp(name) });
  expect(await sure.getByRole("button", { name: "Take it back" }).isEnabled()).toBe(false);
  await sure.getByRole("textbox", { name: /to confirm/ }).fill(name);
  await sure.getByRole("button", { name: "Take it back" }).click();
  await eventually(async () => table.getByRole("row").filter({ hasText: name }).count(), 0);
});

asOperator("platforms: a bot that nobody hears is said to be deaf, also in the overview", "", async ({ page }) => {
  const id = `telegram:${randomBytes(4).readUInt32LE()}`;
  await insert("accounts", { id, platform: "telegram" });
  await page.reload();
  await page.getByRole("link", { name: /Nobody hears .*telegram:/ }).waitFor();
  await openPage(page, "Platforms");
  const row = page.getByRole("table", { name: "Bots" }).getByRole("row").filter({ hasText: id });
  await row.getByText("deaf").waitFor();
  await row.getByText("quiet for a day").waitFor();
  await page.getByRole("table", { name: "Replicas" }).getByRole("rowheader").first().waitFor();
});

asOperator("deliveries: what failed is posted again, what is in doubt is resolved", "", async ({ page }) => {
  const page0 = { account_id: "telegram:1", chat: "7", thread: "", place_kind: "private", kind: "reply" };
  const [failed, doubt] = [0, 1].map(() => `out_${randomUUID().replaceAll("-", "")}`);
  await insert("outbox", { ...page0, id: failed, state: "failed", error: "chat not found", content: '{"text":"x"}' });
  await insert("outbox", { ...page0, id: doubt, state: "uncertain", content: '{"text":"y"}' });
  await openPage(page, "Deliveries");
  await page.getByRole("button", { name: `Retry ${failed}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Post it", exact: true }).click();
  await page.getByRole("status").filter({ hasText: "It is posted" }).waitFor();
  await page.getByRole("button", { name: `Resolve ${doubt}` }).click();
  const dialog = page.getByRole("dialog", { name: "Take it off the list?" });
  await dialog.getByRole("radio", { name: "Nobody needs it any more" }).check();
  await dialog.getByRole("button", { name: "Take it off" }).click();
  await page.getByRole("button", { name: `Resolve ${doubt}` }).waitFor({ state: "detached" });
});

asOperator("keys: made with a secret that is shown once, rotated and revoked, and audited", "/keys", async (desk) => {
  const { page, user, door } = desk;
  const name = `key of ${user.slice(-8)}`;
  await page.getByRole("button", { name: "Make a key" }).click();
  const form = page.getByRole("dialog", { name: "Make a key" });
  await form.getByRole("textbox", { name: "Name" }).fill(name);
  await form
    .getByRole("combobox", { name: "For", exact: true })
    .selectOption({ label: "An operator who looks (viewer)" });
  await form.getByRole("button", { name: "Make it" }).click();
  const shown = page.getByRole("dialog", { name: `The secret of ${name}` });
  const secret = await shown.locator("code").innerText();
  const call = (key: string) => fetch(`${door.url}/v1/overview`, { headers: { authorization: `Bearer ${key}` } });
  expect((await call(secret)).status).toBe(200);
  await shown.getByRole("button", { name: "I have it" }).click();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole("button", { name: `Rotate ${name}` }).click();
  const rotate = page.getByRole("dialog");
  await rotate.getByRole("combobox").selectOption({ label: "No time more" });
  await rotate.getByRole("button", { name: "Rotate it" }).click();
  const second = await shown.locator("code").innerText();
  expect(second).not.toBe(secret);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke it" }).click();
  await page.getByRole("row").filter({ hasText: name }).getByText("revoked").waitFor();
  expect([(await call(secret)).status, (await call(second)).status]).toEqual([401, 401]);
  await openPage(page, "Audit");
  await page.getByRole("textbox", { name: "Action" }).fill("key.revoke");
  await page
    .getByRole("table", { name: "Audit log" })
    .getByRole("row")
    .filter({ hasText: "key.revoke" })
    .first()
    .waitFor();
});

asOperator("people: let in, blocked, exported, and erased by typing their name", "/people", async (desk) => {
  const { page, user, door, gateway } = desk;
  const code = newPairingCode();
  const name = `Newcomer ${user.slice(-8)}`;
  const until = new Date(Date.now() + 600_000);
  await insert("pairings", { code, platform: "telegram", external_id: user, name, expires_at: until });
  await page.getByRole("button", { name: `Approve ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Let them in" }).click();
  await page.getByRole("status").filter({ hasText: "is let in" }).waitFor();

  const talk = await makeTalk();
  const { body } = await gateway.api("GET", `/v1/sessions/${talk.session}`, undefined, talk.user);
  await page.goto(`${door.url}/admin/people/${body.user_id}`);
  await page.getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Block", exact: true }).click();
  await page.getByRole("button", { name: "Unblock" }).waitFor();
  const download = page.waitForEvent("download");
  await page.getByRole("link", { name: "Export" }).click();
  expect((await download).suggestedFilename()).toBe(`${body.user_id}.jsonl`);
  await page.getByRole("button", { name: "Erase" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("1 sessions, 2 messages").waitFor();
  expect(await dialog.getByRole("button", { name: "Erase for good" }).isEnabled()).toBe(false);
  const typed = await dialog.locator("strong").innerText();
  await dialog.getByRole("textbox", { name: /to confirm/ }).fill(typed);
  await dialog.getByRole("button", { name: "Erase for good" }).click();
  await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
  expect((await gateway.api("GET", `/v1/users/${body.user_id}`)).status).toBe(404);
});

asOperator(
  "a viewer sees everything and is offered nothing to change; a person is turned away",
  "/agents",
  async ({ page, door }) => {
    await page.getByText("You see everything and change nothing.").first().waitFor({ state: "attached" });
    await page.getByRole("table", { name: "Agents" }).getByRole("rowheader").first().waitFor();
    expect(await page.getByRole("button", { name: /Test|Disable|Register/ }).count()).toBe(0);
    await page.goto(`${door.url}/admin/keys`);
    await page.getByText("Only an owner makes").waitFor();
    expect(await page.getByRole("button", { name: /Make|Rotate|Revoke/ }).count()).toBe(0);
  },
  { role: "viewer" },
);

asOperator(
  "a person is told that the dashboard is for operators",
  "",
  async ({ page }) => {
    await page.getByText(/This page is for operators/).waitFor();
    expect(await page.getByRole("navigation").count()).toBe(0);
  },
  { role: null },
);
