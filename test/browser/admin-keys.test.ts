import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { makeTalk } from "./support/admin.ts";
import { eventually } from "./support/chat.ts";
import { atDesk, VIEWS } from "./support/suite.ts";

/** Goes there as the keyboard does, and sees all the way where it is. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let step = 0; step < 80; step++) {
    await page.keyboard.press("Tab");
    const [text, outline] = await page.evaluate(() => {
      const it = document.activeElement as HTMLElement;
      const isSeen = it === document.body ? "solid" : getComputedStyle(it).outlineStyle;
      return [it.getAttribute("aria-label") ?? it.closest("label")?.innerText ?? it.innerText, isSeen] as const;
    });
    expect(outline, text).not.toBe("none");
    if (name.test(text.trim())) return;
  }
  throw new Error(`no Tab leads to ${name}`);
}

async function press(page: Page, name: RegExp): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press("Enter");
}

test("by keys alone, on a phone: an agent is tested, a run is stopped, and a person is erased", async () => {
  await atDesk(
    async ({ page, gateway, model, user, door }) => {
      await page.getByRole("figure", { name: "Answers" }).waitFor();
      await press(page, /^Menu$/);
      await press(page, /^Agents$/);
      await page.getByRole("button", { name: "Test helper" }).waitFor();
      await press(page, /^Test helper$/);
      const dialog = page.getByRole("dialog");
      await dialog.waitFor();
      await press(page, /^Ask$/);
      await dialog.getByText("It answers").waitFor();
      await page.keyboard.press("Escape");
      await dialog.waitFor({ state: "detached" });
      // The focus is back where it came from.
      await eventually(() => page.locator(":focus").getAttribute("aria-label"), "Test helper");

      const mark = `slow ${user}`;
      const forget = model.script((exchange) =>
        JSON.stringify(exchange.body).includes(mark) ? { text: "word ".repeat(500), chunkEveryMs: 200 } : undefined,
      );
      const { body } = await gateway.api("POST", "/v1/sessions", {}, user);
      await gateway.api("POST", `/v1/sessions/${body.session_id}/messages`, { text: mark }, user);
      await page.goto(`${door.url}/admin/runs`);
      await page.getByRole("table", { name: "Live runs" }).getByTitle(body.session_id).waitFor();
      const { body: runs } = await gateway.api("GET", `/v1/sessions/${body.session_id}/runs`, undefined, user);
      await press(page, new RegExp(`^Stop run ${runs.runs[0].run_id}$`));
      await press(page, /^Stop it$/);
      await page.getByRole("status").filter({ hasText: "The run ends." }).waitFor();
      forget();

      const talk = await makeTalk();
      const { body: theirs } = await gateway.api("GET", `/v1/sessions/${talk.session}`, undefined, talk.user);
      await page.goto(`${door.url}/admin/people/${theirs.user_id}`);
      await page.getByRole("button", { name: "Erase" }).waitFor();
      await press(page, /^Erase$/);
      await tabTo(page, /to confirm$/);
      await page.keyboard.type(talk.user);
      await press(page, /^Erase for good$/);
      await page.getByRole("heading", { level: 1, name: "People" }).waitFor();
      expect((await gateway.api("GET", `/v1/users/${theirs.user_id}`)).status).toBe(404);
    },
    { role: "owner", view: VIEWS[1], path: "/admin" },
  );
});
