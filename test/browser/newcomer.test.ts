import { expect, test } from "vitest";
import { composer, eventually, say } from "./support/chat.ts";
import { atDesk, signInHash } from "./support/suite.ts";

test("what somebody wrote and did not send is nothing for who signs in after them", async () => {
  await atDesk(
    async ({ page, door, gateway, user }) => {
      await composer(page).waitFor();
      await page.context().setOffline(true);
      await say(page, "never sent");
      await page.getByText("never sent").waitFor();
      await composer(page).fill("never finished");
      await page.context().setOffline(false);
      // Another page, before it goes out: their time here is over, or somebody signed them out.
      await page.context().route("**/v1/sessions", (asked) => asked.abort());
      await page.context().clearCookies();
      const next = `after ${user}`;
      await page.goto(`${door.url}/sign-in${await signInHash(door, next)}`);
      expect(await page.evaluate(() => JSON.stringify(localStorage))).toContain("never sent");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.context().unroute("**/v1/sessions");
      await composer(page).waitFor();
      await eventually(() => composer(page).inputValue(), "");
      await page.getByRole("button", { name: "Settings" }).waitFor();
      expect(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage]))).not.toContain("never");
      expect(await page.getByText("never").count()).toBe(0);
      const { body } = await gateway.api("GET", "/v1/sessions", undefined, next);
      expect(body.sessions).toEqual([]);
    },
    { expected: /401|ERR_|Failed to load/ },
  );
});

test("a page that a browser has kept and shows again asks anew who is there", async () => {
  await atDesk(
    async ({ page }) => {
      await composer(page).waitFor();
      await page.context().clearCookies();
      // As for "back", which browsers that are driven by programs do without what they keep.
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      await page.getByText("Write /web to the bot").waitFor();
    },
    { expected: /401/ },
  );
});

test("whoever signs in has every tab of the browser at once, before their page has come", async () => {
  await atDesk(async ({ page, door, user }) => {
    await composer(page).waitFor();
    const tab = await page.context().newPage();
    await tab.goto(`${door.url}/sign-in${await signInHash(door, `after ${user}`)}`);
    await tab.route("**/v1/me", () => {});
    const came = page.waitForEvent("load");
    await tab.getByRole("button", { name: "Sign in" }).click();
    await came;
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByText(`Signed in as after ${user}`).waitFor();
  });
});

test("what is written at a talk's own address goes there, however slowly the page learns who is there", async () => {
  await atDesk(async ({ page, api }) => {
    const { body: session } = await api("POST", "/v1/sessions", { title: "This one" });
    const known = Promise.withResolvers<void>();
    await page.route("**/v1/me", async (call) => (await known.promise, call.continue()));
    await page.goto(`${new URL(page.url()).origin}/talks/${session.session_id}`);
    await page.getByRole("button", { name: "New Talk" }).waitFor();
    expect(await composer(page).count()).toBe(0);
    known.resolve();
    await say(page, "goes here");
    await page.getByRole("log").getByText("You said: goes here").waitFor();
    expect(page.url()).toContain(session.session_id);
  });
});
