import { expect } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { composer, eventually, expectStored, log, say, shown, talkId } from "./support/chat.ts";
import { everyView } from "./support/suite.ts";

everyView("New Talk: a message begins one, and its answer names it", async (desk) => {
  const { page } = desk;
  await say(page, "What is a lane?");
  await log(page).getByText("You said: What is a lane?").waitFor();
  await expectStored(desk);
  // Said to those who listen once it is whole.
  await page.getByRole("status").getByText("Answer: You said: What is a lane?").waitFor({ state: "attached" });
  await page.getByRole("heading", { name: "What is a lane?" }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  // The focus never leaves the place where people write.
  if (desk.view.width > 600)
    expect(await composer(page).evaluate((node) => node === document.activeElement)).toBe(true);
});

everyView("edit: another version of a message stands beside the first one, and both can be read", async (desk) => {
  const { page } = desk;
  await say(page, "first words");
  await log(page).getByText("You said: first words").waitFor();
  const id = await talkId(page);
  const edit = page.getByRole("button", { name: "Edit" });
  await edit.click();
  await page.keyboard.press("Escape");
  await eventually(() => edit.evaluate((node) => node === document.activeElement), true);
  await page.keyboard.press("Enter");
  await page.getByRole("textbox", { name: "Edit" }).fill("other words");
  await page.keyboard.press("Enter");
  await log(page).getByText("You said: other words").waitFor();
  expect(await talkId(page)).not.toBe(id);
  await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
  await page.getByRole("button", { name: "Previous version" }).click();
  await log(page).getByText("You said: first words").waitFor();
  await page.getByRole("group", { name: "Version 1 of 2" }).waitFor();
  expect(await shown(page)).toHaveLength(2);
  // All versions are one talk, with one name, whichever of them is open.
  if (desk.view.width < 600) return;
  await page.getByRole("button", { name: "More about this talk: first words" }).click();
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Ducks");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Ducks" }).waitFor();
  const more = page.getByRole("button", { name: "More about this talk: Ducks" });
  expect(await more.evaluate((node) => node === document.activeElement)).toBe(true);
});

everyView("New Talk: what is typed the moment it opens stays", async ({ page, view }) => {
  await say(page, "hello");
  await log(page).getByText("You said: hello").waitFor();
  if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
  await page.getByRole("button", { name: "New Talk" }).evaluate((button) => {
    const old = document.querySelector("textarea");
    new MutationObserver((_, observer) => {
      const field = document.querySelector("textarea");
      if (!field || field === old) return;
      observer.disconnect();
      field.value = "at once";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }).observe(document.body, { childList: true, subtree: true });
    button.click();
  });
  await page.getByRole("combobox", { name: "Choose an agent" }).waitFor();
  await composer(page).press("Enter");
  await log(page).getByText("You said: at once").waitFor();
});

everyView("rename, search, and delete with undo", async (desk) => {
  const { page, view } = desk;
  const narrow = view.width < 600;
  const open = async () => {
    if (narrow) await page.getByRole("button", { name: "Show talks" }).click();
  };
  await say(page, "about ducks");
  await log(page).getByText("You said: about ducks").waitFor();
  await page.getByRole("heading", { name: "about ducks" }).waitFor();
  await open();
  await page.getByRole("button", { name: "More about this talk: about ducks" }).click();
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Geese");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("button", { name: "Geese", exact: true }).waitFor();
  await page.getByRole("searchbox", { name: "Search talks" }).fill("swans");
  await page.getByText("No talk has these words.").waitFor();
  await page.getByRole("searchbox", { name: "Search talks" }).fill("ducks");
  await page.getByRole("button", { name: "Geese", exact: true }).waitFor();
  await page.getByRole("button", { name: "More about this talk: Geese" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await eventually(() => page.getByRole("button", { name: "Geese", exact: true }).count(), 0);
  await page.getByRole("button", { name: "Undo" }).click();
  // It was open, and is again.
  await log(page).getByText("You said: about ducks").waitFor();
  await open();
  await page.getByRole("button", { name: "Geese", exact: true }).waitFor();
});

everyView("copy: what was asked and answered, as it was written", async ({ page }) => {
  await say(page, "**bold** words");
  await log(page).getByText("You said: bold words").waitFor();
  // All windows have one clipboard: each looks at what it would put there.
  await page.evaluate(() => {
    navigator.clipboard.writeText = async (text) => void (document.title = text);
  });
  for (const [at, text] of [
    [log(page).locator("article.own"), /^\*\*bold\*\* words$/],
    [log(page).getByRole("article", { name: "helper" }), /^You said: \*\*bold\*\* words/],
  ] as const) {
    await at.getByRole("button", { name: "Copy", exact: true }).click();
    await at.getByRole("button", { name: "Copied." }).waitFor();
    expect(await page.title()).toMatch(text);
  }
});

everyView(
  "errors: a message that was refused and a talk that does not load say why, and are tried again",
  async ({ page }) => {
    const problem = (detail: string) => ({
      status: 403,
      contentType: "application/problem+json",
      body: JSON.stringify({ code: "forbidden", detail }),
    });
    const refuse = (path: string, detail: string) =>
      page.route(path, (asked) => asked.fulfill(problem(detail)), { times: 1 });
    await refuse("**/v1/sessions/*/messages", "Not now.");
    await say(page, "take this");
    await page.getByText("This was not accepted: Not now.").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Try again" }).click();
    await log(page).getByText("You said: take this").waitFor();

    await refuse("**/v1/sessions/*/messages", "Nor this.");
    await say(page, "forget this");
    await page.getByText("This was not accepted: Nor this.").waitFor();
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByText("forget this").waitFor({ state: "detached" });

    await refuse("**/v1/sessions/*?limit=1", "");
    await page.reload();
    await page.getByText("This could not be loaded.").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await log(page).getByText("You said: take this").waitFor();
    expect(await page.getByText("forget this").count()).toBe(0);
  },
  { expected: /Failed to load resource/ },
);
