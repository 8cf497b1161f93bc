import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { composer, expectStored, log, say, shown } from "./support/chat.ts";
import { atDesk, type Desk, everyView, signInHash } from "./support/suite.ts";

everyView(
  "several tabs: an answer grows in both, is stopped in the other one, and nothing stands twice",
  async (desk) => {
    const { page } = desk;
    await say(page, "slow twin 20");
    await log(page).getByText("twin5").waitFor();
    const other = await openTab(desk, page.url());
    await log(other).getByText("twin12").waitFor();
    await other.getByRole("button", { name: "Stop" }).click();
    const both = [page, other];
    for (const tab of both)
      await log(tab)
        .getByText(/^(Stopped|This answer was interrupted)\.$/)
        .waitFor();
    await say(other, "and now?");
    for (const tab of both) await log(tab).getByText("You said: and now?").waitFor();
    for (const tab of both) await expectStored({ ...desk, page: tab });
    for (const tab of both) expect((await shown(tab)).filter((text) => text === "and now?")).toHaveLength(1);
  },
);

everyView(
  "several tabs: signed out in one, the others show nothing any more, nor to whoever comes next",
  async (desk) => {
    const { page, door, user } = desk;
    await say(page, "my secret");
    await log(page).getByText("You said: my secret").waitFor();
    await page.getByRole("heading", { name: "my secret" }).waitFor();
    const talk = await openTab(desk, page.url());
    await log(talk).getByText("You said: my secret").waitFor();
    await composer(talk).fill("a secret draft");
    // One in which nothing happens, and which hears nothing of the gateway.
    const idle = await openTab(desk, `${door.url}/`);
    await composer(idle).waitFor();
    await idle.getByRole("combobox", { name: "Choose an agent" }).waitFor();
    await idle.route("**/v1/sessions**", (asked) => asked.abort());

    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    const all = [page, talk, idle];
    for (const tab of all) {
      await tab.getByText("Write /web to the bot").waitFor();
      expect([await tab.title(), await tab.content()].join()).not.toContain("secret");
    }
    await idle.unroute("**/v1/sessions**");
    await page.goto(`${door.url}/sign-in${await signInHash(door, `after ${user}`)}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    for (const tab of all) {
      await composer(tab).waitFor();
      await tab.getByRole("button", { name: "Settings" }).click();
      await tab.getByText(`Signed in as after ${user}`).waitFor();
      expect(await composer(tab).inputValue()).toBe("");
      expect(await tab.content()).not.toContain("secret");
      expect(await tab.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain("secret");
    }
  },
);

test.concurrent("signed out everywhere, a browser elsewhere shows nothing any more and asks no further", async () => {
  await atDesk(
    async (desk) => {
      const { page } = desk;
      await say(page, "my secret");
      await page.getByRole("heading", { name: "my secret" }).waitFor();
      await log(page).getByText("You said: my secret").waitFor();
      await page.clock.install();
      await page.reload();
      await log(page).getByText("You said: my secret").waitFor();
      await atDesk(
        async ({ page: elsewhere }) => {
          await elsewhere.getByRole("button", { name: "Settings" }).click();
          await elsewhere.getByRole("button", { name: "Sign out everywhere" }).click();
          await elsewhere.getByText("Write /web to the bot").waitFor();
        },
        { user: desk.user },
      );
      await page.clock.runFor(1_000);
      await page.getByText("Write /web to the bot").waitFor();
      expect([await page.title(), await page.content()].join()).not.toContain("secret");
      const asked: string[] = [];
      page.on("request", (request) => asked.push(request.url()));
      await page.clock.runFor(60_000);
      expect(asked).toEqual([]);
    },
    { expected: /401/ },
  );
});

test.concurrent("signed out in the chat, the dashboard shows nothing any more, and a stranger opens it without an error", async () => {
  await atDesk(
    async (desk) => {
      const { page, door } = desk;
      await composer(page).waitFor();
      const dashboard = await openTab(desk, `${door.url}/admin/keys`);
      await dashboard.getByRole("heading", { name: "Keys" }).waitFor();
      await page.getByRole("button", { name: "Settings" }).click();
      await page.getByRole("button", { name: "Sign out", exact: true }).click();
      await dashboard.getByText("You are not signed in.").waitFor();
      await page.getByText("Write /web to the bot").waitFor();
      await page.goto(`${door.url}/admin`);
      await page.getByText("You are not signed in.").waitFor();
    },
    { role: "viewer" },
  );
});

async function openTab({ page }: Desk, url: string): Promise<Page> {
  const tab = await page.context().newPage();
  tab.setDefaultTimeout(10_000);
  await tab.goto(url);
  return tab;
}
