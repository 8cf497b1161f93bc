import type { Page } from "playwright-core";
import { expect } from "vitest";
import { composer, eventually, log, say, shown } from "./support/chat.ts";
import { everyView } from "./support/suite.ts";

everyView("agent picker: whoever is chosen answers, stands above the talk, and stays chosen", async (desk) => {
  const { page, model, view, user } = desk;
  const picker = page.getByRole("combobox", { name: "Choose an agent" });
  // Who answers unless somebody is chosen.
  await eventually(() => picker.inputValue(), "helper");
  await picker.selectOption("second");
  await say(page, `pick ${user}`);
  await log(page).getByRole("article", { name: "second" }).getByText(`You said: pick ${user}`).waitFor();
  await page.locator(".top").getByText("second", { exact: true }).waitFor();
  const asked = model.requests.find(({ messages }) => JSON.stringify(messages).includes(`pick ${user}`));
  expect(JSON.stringify(asked?.messages)).toContain("You are another test.");
  const talk = page.url();
  await page.reload();
  await page.locator(".top").getByText("second", { exact: true }).waitFor();
  if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
  await page.getByRole("button", { name: "New Talk" }).click();
  await eventually(() => picker.inputValue(), "second");
  await picker.selectOption("waits");
  await say(page, "and you");
  await log(page).getByRole("article", { name: "waits" }).getByText("You said: and you").waitFor();
  // A talk keeps its agent, whoever is chosen later.
  await page.goto(talk);
  await say(page, "still you?");
  await log(page).getByRole("article", { name: "second" }).getByText("You said: still you?").waitFor();
});

everyView(
  "settings: agent, busy policy, language, theme, send key and no streaming hold after a reload",
  async ({ page, view }) => {
    const choose = async (name: string, value: string) =>
      page.getByRole("dialog").getByRole("combobox", { name }).selectOption(value);
    const dark = view.colors === "dark";
    await page.getByRole("button", { name: "Settings" }).click();
    await choose("Agent", "second");
    await choose("A message during an answer", "queue");
    await choose("Colours", dark ? "light" : "dark");
    await choose("Send with", "mod-enter");
    await page.getByRole("checkbox", { name: "Show answers while they are written" }).uncheck();
    await kept(page, () => choose("Language", "de"));
    await page.reload();

    await page.getByRole("textbox", { name: "Nachricht" }).waitFor();
    expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
    const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    expect(await background()).toBe(dark ? "rgb(251, 250, 248)" : "rgb(22, 24, 23)");
    await page.getByRole("button", { name: "Einstellungen" }).click();
    const chosen = page.getByRole("dialog").locator("select, input");
    const values = () => chosen.evaluateAll((all) => all.map((one) => (one as HTMLSelectElement).value));
    await eventually(values, ["second", "queue", "de", dark ? "light" : "dark", "mod-enter", "on"]);
    expect(await chosen.last().isChecked()).toBe(false);
    await page.keyboard.press("Escape");

    const field = page.getByRole("textbox", { name: "Nachricht" });
    await field.fill("slow whole 3 now");
    await field.press("Enter");
    await field.pressSequentially("please");
    expect(await field.inputValue()).toBe("slow whole 3 now\nplease");
    const first = firstWords(page);
    await field.press("Control+Enter");
    const answer = page.getByRole("article", { name: "second" });
    await answer.getByText("Denkt nach").waitFor();
    // By the gateway's own choice it would interrupt.
    await field.fill("then this");
    await field.press("Control+Enter");
    await page.getByText("Wartet auf die laufende Antwort").waitFor();
    expect(await first).toMatch(/^whole0 .* whole119$/);
    await answer.getByText("You said: then this").waitFor();

    const own = page.getByRole("article").filter({ has: page.getByText("then this", { exact: true }) });
    await own.getByRole("button", { name: "Bearbeiten" }).click();
    const edit = page.getByRole("textbox", { name: "Bearbeiten" });
    await edit.press("End");
    await edit.press("Enter");
    await edit.pressSequentially("again");
    expect(await edit.inputValue()).toBe("then this\nagain");
    await edit.press("Control+Enter");
    await answer.getByText(/^You said: then this\s*again$/).waitFor();
  },
);

everyView("settings: a message may interrupt the answer under way, also where the agent lets it wait", async (desk) => {
  const { page } = desk;
  await page.getByRole("combobox", { name: "Choose an agent" }).selectOption("waits");
  await page.getByRole("button", { name: "Settings" }).click();
  await kept(page, () => page.getByRole("combobox", { name: "A message during an answer" }).selectOption("interrupt"));
  await page.keyboard.press("Escape");
  await say(page, "slow cut 20");
  await log(page).getByText("cut5").waitFor();
  await say(page, "rather this");
  await log(page).getByText("This answer was interrupted.").waitFor();
  await log(page).getByText("You said: rather this").waitFor();
  expect((await shown(page)).join()).not.toContain("cut119");
  expect(await composer(page).inputValue()).toBe("");
});

/** Once the gateway has what was chosen. */
async function kept(page: Page, change: () => Promise<unknown>): Promise<void> {
  await Promise.all([page.waitForResponse((answer) => answer.request().method() === "PATCH"), change()]);
}

/** What stands in the first answer when there is anything of it. */
function firstWords(page: Page): Promise<string> {
  return page.evaluate(
    () =>
      new Promise<string>((resolve) => {
        new MutationObserver((_, observer) => {
          const words = document.querySelector<HTMLElement>(".log .markdown")?.innerText.trim() ?? "";
          if (words === "") return;
          observer.disconnect();
          resolve(words);
        }).observe(document.body, { childList: true, subtree: true, characterData: true });
      }),
  );
}
