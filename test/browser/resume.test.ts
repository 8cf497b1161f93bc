import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { createTestDatabase } from "../support/postgres.ts";
import { expectStored, log, say, shown, slowly, stored, talkId } from "./support/chat.ts";
import { FrontDoor } from "./support/front-door.ts";
import { atDesk, everyView, openSuite, startGateway, VIEWS } from "./support/suite.ts";

/** An answer in the making is a beginning of the whole: nothing in it is missing, and nothing doubled. */
async function expectGrown(page: Page, words: string): Promise<void> {
  const [, text = ""] = await shown(page);
  expect(text).toContain(`${words}1`);
  expect(slowly(words, 1).text.startsWith(text)).toBe(true);
}

everyView("an answer grows while it is written, and is stopped", async (desk) => {
  const { page } = desk;
  await say(page, "slow grow 20");
  await log(page).getByText("grow5").waitFor();
  expect(await page.getByRole("log").getAttribute("aria-busy")).toBe("true");
  await page.getByRole("button", { name: "Stop" }).click();
  await log(page).getByText("This answer was interrupted.").or(log(page).getByText("Stopped.")).waitFor();
  await expectStored(desk);
  expect((await shown(page)).join()).not.toContain("grow119");
});

everyView(
  "fault-41: a reload in mid-answer goes on where the answer is, and ends with what is stored",
  async (desk) => {
    const { page } = desk;
    await say(page, "slow again 5");
    await log(page).getByText("again9").waitFor();
    await page.reload();
    await log(page).getByText("again20").waitFor();
    await expectGrown(page, "again");
    await page.reload();
    await log(page).getByText("again119").waitFor();
    await expectStored(desk);
    expect(await shown(page)).toHaveLength(2);
  },
);

test.concurrent.for(VIEWS)(
  "fault-41: a network that is away for 5 s costs nothing and doubles nothing ($width px, $colors)",
  async (view) => {
    const { gateway } = await openSuite();
    const door = await FrontDoor.open(gateway.url);
    await atDesk(
      async (desk) => {
        const { page } = desk;
        await say(page, "slow net 4");
        await log(page).getByText("net9").waitFor();
        door.cut();
        await page.getByText("No connection.").waitFor();
        // Written while nothing comes through.
        await say(page, "are you there?");
        await say(page, "and there?");
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        door.mend();
        await log(page).getByText("and there?").nth(1).waitFor();
        await expectStored(desk);
        const asked = (await stored(desk)).filter((text) => /^(are you|and) there\?$/.test(text));
        expect(asked).toEqual(["are you there?", "and there?"]);
      },
      { view, door, expected: /Failed to load resource/ },
    );
    await door.close();
  },
  60_000,
);

test.concurrent.each(["held", "refused", "cut off"] as const)(
  "fault-41: where streams are %s on their way, the page asks within 5 s and ends with what is stored",
  async (events) => {
    const { gateway } = await openSuite();
    const door = await FrontDoor.open(gateway.url);
    door.events = events;
    await atDesk(
      async (desk) => {
        const { page } = desk;
        await say(page, "slow held 8");
        await page.waitForURL(/\/talks\//);
        const begun = performance.now();
        await log(page).getByText("held1", { exact: false }).waitFor();
        expect(performance.now() - begun).toBeLessThan(8_000);
        await expectGrown(page, "held");
        await log(page).getByText("held119").waitFor({ timeout: 20_000 });
        await expectStored(desk);
        expect(door.calls.filter((call) => call.includes("/news?")).length).toBeGreaterThan(2);
      },
      { door, expected: /Failed to load resource/ },
    );
    await door.close();
  },
);

test("fault-41: killed in mid-answer, or restarted, a gateway is continued by another one, and the page with it", async () => {
  const { model } = await openSuite();
  const { url: databaseUrl } = await createTestDatabase();
  const [one, two] = await Promise.all([startGateway(model, { databaseUrl }), startGateway(model, { databaseUrl })]);
  const door = await FrontDoor.open(one.url);
  let last = two;
  await atDesk(
    async (desk) => {
      const { page } = desk;
      const api = (method: string, route: string) => last.api(method, route, undefined, desk.user);
      await say(page, "slow moved 6");
      await log(page).getByText("moved9").waitFor();
      await talkId(page);
      await one.kill();
      door.leadTo(two.url);
      await log(page).getByText("moved119").waitFor({ timeout: 25_000 });
      await expectStored({ ...desk, api });
      expect(await shown(page)).toHaveLength(2);

      await say(page, "slow back 4");
      await log(page).getByText("back9").waitFor();
      await two.terminate();
      last = await startGateway(model, { databaseUrl, port: two.port });
      await log(page).getByText("back119").waitFor({ timeout: 25_000 });
      await expectStored({ ...desk, api });
      expect(await shown(page)).toHaveLength(4);
    },
    { door, expected: /Failed to load resource/ },
  );
  await door.close();
  await last.kill();
}, 90_000);
