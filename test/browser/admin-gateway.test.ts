import { randomBytes, randomUUID } from "node:crypto";
import { expect } from "vitest";
import { newPairingCode } from "../../src/platform/pairing-code.ts";
import { asOperator, faultsHere, insert, makeTalk, openPage, remove } from "./support/admin.ts";
import { eventually } from "./support/chat.ts";

const PAGES = "runs sessions traces feedback agents platforms deliveries budgets people keys audit retention";
const PATHS = ["", ...PAGES.split(" ").map((name) => `/${name}`)];

asOperator(
  "agents: health, breaker, a test call, switched off and on, registered and taken back",
  "/agents",
  async (desk) => {
    const { page, user } = desk;
    // An agent elsewhere that fails is not asked for a while.
    await page.route("**/v1/agents", async (route) => {
      if (route.request().method() !== "GET") return route.fallback();
      const answer = await route.fetch();
      const { agents } = (await answer.json()) as { agents: { name: string; operations: object }[] };
      for (const agent of agents) {
        if (agent.name === "waits") agent.operations = { ...agent.operations, resting: true, rests_for_ms: 90_000 };
      }
      return route.fulfill({ response: answer, json: { agents } });
    });
    await page.reload();
    const table = page.getByRole("table", { name: "Agents" });
    await table.getByRole("row").filter({ hasText: "helper" }).getByText("healthy").waitFor();
    await table.getByRole("row").filter({ hasText: "waits" }).getByText("rests for 1 min 30 s").waitFor();
    await table
      .getByRole("row")
      .filter({ hasText: "helper" })
      .getByRole("link", { name: /\d+ completed, \d+ failed/ })
      .waitFor();
    await page.getByRole("button", { name: "Test helper" }).click();
    const test = page.getByRole("dialog", { name: "Test helper" });
    await test.getByRole("button", { name: "Ask" }).click();
    await test.getByText("It answers").waitFor();
    expect(await faultsHere(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await test.waitFor({ state: "detached" });

    const name = `far-${user.slice(-8)}`;
    await page.getByRole("button", { name: "Register an agent" }).click();
    const form = page.getByRole("dialog", { name: /^Register an agent/ });
    await form.getByRole("textbox", { name: "Name" }).fill(name);
    await form.getByRole("textbox", { name: /^Address/ }).fill("https://far.example/v1");
    expect(await faultsHere(page)).toEqual([]);
    await form.getByRole("button", { name: "Register" }).click();
    await page.getByRole("button", { name: `Disable ${name}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Disable it" }).click();
    await page.getByRole("button", { name: `Enable ${name}` }).waitFor();
    await table.getByRole("row").filter({ hasText: name }).getByText("off", { exact: true }).waitFor();
    await page.getByRole("button", { name: `Remove ${name}` }).click();
    const sure = page.getByRole("dialog", { name: new RegExp(name) });
    expect(await sure.getByRole("button", { name: "Take it back" }).isEnabled()).toBe(false);
    expect(await faultsHere(page)).toEqual([]);
    await sure.getByRole("textbox", { name: /to confirm/ }).fill(name);
    await sure.getByRole("button", { name: "Take it back" }).click();
    await eventually(async () => table.getByRole("row").filter({ hasText: name }).count(), 0);
  },
);

asOperator(
  "platforms: quiet or deaf, the last update, the queue and limits, also in the overview",
  "",
  async ({ page }) => {
    const id = `telegram:${randomBytes(4).readUInt32LE()}`;
    await insert("accounts", { id, platform: "telegram" });
    const busy = `slack:${randomBytes(4).toString("hex")}`;
    const replica = `rep_${randomUUID().replaceAll("-", "")}`;
    const soon = new Date(Date.now() + 600_000);
    await insert("accounts", { id: busy, platform: "slack", intake_owner: replica, intake_until: soon });
    const message = `msg_${randomUUID().replaceAll("-", "")}`;
    await insert("inbox", { account_id: busy, update_key: "1", message_id: message, state: "waiting" });
    const load = JSON.stringify({ [busy]: { answers: 3, paused: { send: 240_000 } } });
    const elsewhere = { host: "elsewhere", boot_id: "x", pid: 1, started_at: "1" };
    await insert("replicas", { id: replica, ...elsewhere, load, seen_at: soon });
    await page.reload();
    await page.getByRole("link", { name: /Nobody hears .*telegram:/ }).waitFor();
    await openPage(page, "Platforms");
    const row = page.getByRole("table", { name: "Bots" }).getByRole("row").filter({ hasText: id });
    await row.getByText("deaf").waitFor();
    await row.getByText("quiet for a day").waitFor();
    const other = page.getByRole("table", { name: "Bots" }).getByRole("row").filter({ hasText: busy });
    await other.getByText(/^asked to wait \d+ min/).waitFor();
    await other.getByRole("cell", { name: /1 since/ }).waitFor();
    await remove("replicas", replica);
    await page.getByRole("table", { name: "Replicas" }).getByRole("rowheader").first().waitFor();
  },
);

asOperator("deliveries: what failed is posted again, what is uncertain is resolved", "", async ({ page }) => {
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
  expect(await faultsHere(page)).toEqual([]);
  await dialog.getByRole("button", { name: "Take it off" }).click();
  await page.getByRole("button", { name: `Resolve ${doubt}` }).waitFor({ state: "detached" });
});

asOperator("keys: made with a secret that is shown once, rotated and revoked", "/keys", async (desk) => {
  const { page, user, door } = desk;
  const name = `key of ${user.slice(-8)}`;
  await page.getByRole("button", { name: "Make a key" }).click();
  const form = page.getByRole("dialog", { name: "Make a key" });
  await form.getByRole("textbox", { name: "Name" }).fill(name);
  await form
    .getByRole("combobox", { name: "For", exact: true })
    .selectOption({ label: "An operator who looks (viewer)" });
  expect(await faultsHere(page)).toEqual([]);
  await form.getByRole("button", { name: "Make it" }).click();
  const shown = page.getByRole("dialog", { name: `The secret of ${name}` });
  const secret = await shown.locator("code").innerText();
  expect(await faultsHere(page)).toEqual([]);
  const call = (key: string) => fetch(`${door.url}/v1/overview`, { headers: { authorization: `Bearer ${key}` } });
  expect((await call(secret)).status).toBe(200);
  await shown.getByRole("button", { name: "I have it" }).click();
  expect(await page.content()).not.toContain(secret);

  await page.getByRole("button", { name: `Rotate ${name}` }).click();
  const rotate = page.getByRole("dialog");
  await rotate.getByRole("combobox").selectOption({ label: "No time more" });
  expect(await faultsHere(page)).toEqual([]);
  await rotate.getByRole("button", { name: "Rotate it" }).click();
  const second = await shown.locator("code").innerText();
  expect(second).not.toBe(secret);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: `Revoke ${name}` }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke it" }).click();
  await page.getByRole("row").filter({ hasText: name }).getByText("revoked").waitFor();
  expect([(await call(secret)).status, (await call(second)).status]).toEqual([401, 401]);
});

asOperator("audit: who did what to whom, exactly when, narrowed by any of it", "", async ({ page, gateway, user }) => {
  const { body: key } = await gateway.api("POST", "/v1/keys", { name: user, role: "viewer" });
  await gateway.api("DELETE", `/v1/keys/${key.key_id}`);
  await openPage(page, "Audit");
  const table = page.getByRole("table", { name: "Audit log" });
  await page.getByRole("textbox", { name: "Target" }).fill(key.key_id);
  await eventually(async () => table.getByRole("rowheader").count(), 2);
  await page.getByRole("textbox", { name: "Action" }).fill("key.revoke");
  await eventually(async () => table.getByRole("rowheader").count(), 1);
  expect(await table.getByRole("rowheader").innerText()).toMatch(/^\w+ \d+, \d{4}, \d\d:\d\d:\d\d [A-Z]/);
  await table.getByRole("link", { name: "key.revoke" }).click();
  await page.waitForURL(/\/admin\/audit\?action=key\.revoke$/);
});

asOperator("budgets: what was used today, and of which limit", "", async ({ page }) => {
  await makeTalk();
  await openPage(page, "Budgets");
  await page.getByRole("combobox", { name: "Whose" }).selectOption("The gateway");
  const row = page.getByRole("table", { name: "Budgets" }).getByRole("row").filter({ hasText: "gateway" });
  await row.getByRole("cell", { name: /of 1B$/ }).waitFor();
  await row.getByRole("progressbar", { name: "Used today" }).waitFor();
});

asOperator("retention: how long each kind is kept, and who deletes it", "", async ({ page }) => {
  await openPage(page, "Retention");
  const table = page.getByRole("table", { name: "Retention" });
  await table.getByRole("row", { name: /Talks.* messages .*until it is deleted$/ }).waitFor();
  await table.getByRole("row", { name: /run_events .*1 day$/ }).waitFor();
  await page.getByText("Replica that deletes").waitFor();
});

asOperator(
  "pairing requests and people: let in, blocked, exported, and erased by typing their name",
  "/people",
  async (desk) => {
    const { page, user, door, gateway } = desk;
    const code = newPairingCode();
    // Runs from right to left, and is held apart from the words around it.
    const name = `ناصر ${user.slice(-8)}`;
    const until = new Date(Date.now() + 600_000);
    await insert("pairings", { code, platform: "telegram", external_id: user, name, expires_at: until });
    await page.getByRole("button", { name: `Approve ${name}` }).click();
    const letIn = page.getByRole("dialog").getByRole("button", { name: "Let them in" });
    await letIn.waitFor();
    expect(await faultsHere(page)).toEqual([]);
    await letIn.click();
    await page
      .getByRole("status")
      .filter({ hasText: `\u2068${name}\u2069 is let in` })
      .waitFor();

    const talk = await makeTalk();
    const { body } = await gateway.api("GET", `/v1/sessions/${talk.session}`, undefined, talk.user);
    await page.goto(`${door.url}/admin/people/${body.user_id}`);
    await page.getByRole("button", { name: "Block", exact: true }).click();
    expect(await faultsHere(page)).toEqual([]);
    await page.getByRole("dialog").getByRole("button", { name: "Block", exact: true }).click();
    await page.getByRole("button", { name: "Unblock" }).waitFor();
    expect(await faultsHere(page)).toEqual([]);
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export" }).click();
    expect((await download).suggestedFilename()).toBe(`${body.user_id}.jsonl`);
    await page.getByRole("button", { name: "Erase" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("1 sessions, 2 messages").waitFor();
    expect(await faultsHere(page)).toEqual([]);
    expect(await dialog.getByRole("button", { name: "Erase for good" }).isEnabled()).toBe(false);
    const typed = await dialog.locator("strong").innerText();
    await dialog.getByRole("textbox", { name: /to confirm/ }).fill(typed);
    await dialog.getByRole("button", { name: "Erase for good" }).click();
    await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
    expect((await gateway.api("GET", `/v1/users/${body.user_id}`)).status).toBe(404);
  },
);

asOperator(
  "a viewer sees everything and is offered nothing to change",
  "/agents",
  async ({ page }) => {
    const talk = await makeTalk();
    await page.getByText("You see everything and change nothing.").first().waitFor({ state: "attached" });
    const harmless = /^(Menu|Sign out|Show more|Loading…|Clear the filters|Earlier|Later)$/;
    const offered: string[] = [];
    for (const path of [...PATHS, `/sessions/${talk.session}`, `/traces/${talk.trace}`, "/agents/helper", "/places"]) {
      await page.evaluate((to) => {
        history.pushState(null, "", `/admin${to}`);
        dispatchEvent(new PopStateEvent("popstate"));
      }, path);
      await page.locator(`main[data-path="${path || "/"}"]`).waitFor();
      await page.getByText("Loading…").first().waitFor({ state: "detached" });
      const names = await page.locator("button:visible:not(.span), textarea:not([readonly])").allInnerTexts();
      offered.push(...names.filter((name) => !harmless.test(name)).map((name) => `${path}: ${name}`));
    }
    expect(offered).toEqual([]);
  },
  { role: "viewer" },
);

asOperator(
  "who is signed in is named, finds back to the chat, and signs out",
  "",
  async ({ page, door, user }) => {
    const menu = page.getByRole("button", { name: "Menu", exact: true });
    await page.getByRole("banner").waitFor();
    if (await menu.isVisible()) await menu.click();
    await page.getByRole("banner").getByText(user).waitFor();
    expect(await page.getByRole("link", { name: "To the chat" }).getAttribute("href")).toBe("/");
    await page.evaluate(() => localStorage.setItem("parley.draft.new", "not for the next one"));
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(`${door.url}/`);
    expect((await page.request.get(`${door.url}/v1/me`)).status()).toBe(401);
    expect(await page.evaluate(() => localStorage.getItem("parley.draft.new"))).toBe(null);
    await page.goto(`${door.url}/admin`);
    await page.getByText("You are not signed in.").waitFor();
  },
  { expected: /401/ },
);

asOperator(
  "a person is told that the dashboard is for operators",
  "",
  async ({ page }) => {
    await page.getByText(/This page is for operators/).waitFor();
    expect(await faultsHere(page)).toEqual([]);
    expect(await page.getByRole("navigation").count()).toBe(0);
  },
  { role: null },
);
