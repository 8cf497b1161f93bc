import { Client } from "pg";
import { expect, test } from "vitest";
import { runStatement } from "../support/postgres.ts";
import { seriousFaults } from "./support/axe.ts";
import { eventually } from "./support/chat.ts";
import { atDesk, everyView, VIEWS } from "./support/suite.ts";

everyView("sidebar: own talks of every platform by day, and New Talk", async (desk) => {
  const { page, api, databaseUrl, gateway, view } = desk;
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const make = async (title: string, daysAgo: number, platform: string) => {
    const { body } = await api("POST", "/v1/sessions", { title });
    await client.query(
      "update talk_sessions set platform = $2, updated_at = now() - $3::int * interval '1 day' where id = $1",
      [body.session_id, platform, daysAgo],
    );
  };
  await make("first of all", 400, "web");
  await make("from a thread", 5, "slack");
  await make("from a group", 1, "telegram");
  await make("from the page", 1, "web");
  await make("just now", 0, "web");
  await client.end();
  await gateway.api("POST", "/v1/sessions", { title: "somebody else's" }, "somebody else");
  await page.reload();
  const open = async () => {
    if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
  };
  await open();
  const talks = page.getByRole("navigation", { name: "Talks" });
  const day = (daysAgo: number, weekday: "long" | "short") =>
    new Intl.DateTimeFormat("en", { weekday, day: "numeric", month: "long" }).format(Date.now() - daysAgo * 86_400_000);
  const year = new Date(Date.now() - 400 * 86_400_000).getFullYear();
  const lines = async () => {
    const found = await talks.getByRole("listitem").allInnerTexts();
    return found.map((text) => text.replaceAll(/\s+/g, " ").trim());
  };
  await eventually(async () => (await lines()).length, 9);
  expect(await lines()).toEqual([
    "Today",
    "just now",
    "Yesterday",
    "from the page",
    "from a group Telegram",
    expect.stringContaining(day(5, "long")),
    "from a thread Slack",
    `${day(400, "short")}, ${year}`,
    "first of all",
  ]);
  await talks.getByRole("heading", { name: "Yesterday" }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await talks.getByRole("button", { name: "from a group Telegram" }).click();
  await page.getByRole("heading", { name: "from a group" }).waitFor();
  await open();
  await talks.locator("[aria-current=page]", { hasText: "from a group" }).waitFor();
  await page.getByRole("button", { name: "New Talk" }).click();
  await page.getByRole("combobox", { name: "Choose an agent" }).waitFor();
});

test("an operator's sidebar holds their own talks, also where the gateway first could not say who they are", async () => {
  await atDesk(
    async ({ page, gateway, api }) => {
      await gateway.api("POST", "/v1/sessions", { title: "somebody else's" }, "somebody else");
      await api("POST", "/v1/sessions", { title: "my own" });
      const refusals = { left: 1 };
      await page.route("**/v1/me", (call) => (refusals.left-- > 0 ? call.fulfill({ status: 503 }) : call.continue()));
      await page.reload();
      await page.getByRole("button", { name: "my own", exact: true }).waitFor();
      expect(await page.getByRole("button", { name: "somebody else's", exact: true }).count()).toBe(0);
    },
    { role: "operator", expected: /503/ },
  );
});

everyView("a talk's menu is whole in sight, also at the list's end, and gives the focus back", async (desk) => {
  const { page, api, view } = desk;
  for (let index = 1; index <= 25; index++) await api("POST", "/v1/sessions", { title: `talk ${index}` });
  await page.reload();
  if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
  const talks = page.getByRole("navigation", { name: "Talks" });
  await talks.getByRole("button", { name: "talk 25", exact: true }).waitFor();
  await talks.getByRole("list", { name: "Talks" }).press("End");
  const more = talks.getByRole("button", { name: "More about this talk: talk 1", exact: true });
  await eventually(() => more.evaluate((node) => innerHeight - node.getBoundingClientRect().bottom < 100), true);
  await more.click();
  for (const name of ["Rename", "Delete"]) {
    const item = talks.getByRole("button", { name, exact: true });
    const seen = await item.evaluate((button) => {
      const { left, right, top, bottom } = button.getBoundingClientRect();
      const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
      return bottom <= innerHeight && right <= innerWidth && left >= 0 && button.contains(at);
    });
    expect(seen, name).toBe(true);
  }
  await page.keyboard.press("Escape");
  await eventually(() => talks.getByRole("button", { name: "Delete", exact: true }).count(), 0);
  await eventually(() => more.evaluate((node) => node === document.activeElement), true);
  // What opened it closes it.
  const items = talks.getByRole("button", { name: "Delete", exact: true });
  await more.click();
  await items.waitFor();
  await more.click();
  await items.waitFor({ state: "detached" });
  // It goes where its talk goes, and not over what stands above the list.
  await more.click();
  await items.waitFor();
  await talks.getByRole("list", { name: "Talks" }).evaluate((list) => (list.scrollTop -= 400));
  await items.waitFor({ state: "detached" });
});

test("a phone's list of talks is asked for no more than what is near", async () => {
  await atDesk(
    async ({ page, api, databaseUrl, user }) => {
      const { body } = await api("POST", "/v1/sessions", { title: "the newest" });
      await runStatement(
        databaseUrl,
        `insert into talk_sessions (id, user_id, agent, title, platform, updated_at)
         select 'ses_' || md5('${user}' || n), user_id, agent, 'Talk ' || n, platform, now() - n * interval '1 hour'
         from talk_sessions, generate_series(1, 300) n where id = '${body.id}'`,
      );
      await page.reload();
      const asked: string[] = [];
      page.on("request", (call) => void (call.url().includes("cursor=") && asked.push(call.url())));
      await page.getByRole("button", { name: "Show talks" }).click();
      const talks = page.getByRole("list", { name: "Talks" });
      await talks.getByRole("button", { name: "Talk 5", exact: true }).waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("button", { name: "Show talks" }).click();
      await talks.getByRole("button", { name: "Talk 5", exact: true }).waitFor();
      expect(await talks.getByRole("listitem").count()).toBeLessThan(60);
      expect(asked).toEqual([]);
    },
    { view: VIEWS[1] },
  );
});
