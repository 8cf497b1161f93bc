import type { Locator } from "playwright-core";
import { expect } from "vitest";
import { asOperator, faultsHere, openPage } from "./support/admin.ts";
import { eventually } from "./support/chat.ts";
import { editedBy, VIEWS } from "./support/suite.ts";

asOperator(
  "agents: a card is edited, compared, met by somebody else's edit, and taken back",
  "/agents",
  async (desk) => {
    const { page, view, gateway, user } = desk;
    const agent = editedBy(view);
    const address = `/v1/agents/${agent}/card`;
    const card = async () => (await gateway.api("GET", address)).body as { version: number; text: string };
    await page.getByRole("link", { name: `Card of ${agent}` }).click();
    const text = page.getByRole("textbox", { name: "Text of the card" });
    const file = await text.inputValue();
    const save = page.getByRole("button", { name: "Save", exact: true });
    expect(await save.isEnabled()).toBe(false);

    await text.fill(`${file}function_tools: [x.ts:run]\n`.replace("---\nYou", "function_tools: [x.ts:run]\n---\nYou"));
    await save.click();
    await page.getByRole("alert").filter({ hasText: "function_tools: can be changed in the file alone" }).waitFor();

    await text.fill(file.replace("fourth", "fifth"));
    const lines = page.getByRole("group", { name: "Lines that differ" });
    await lines.getByText("- You are a fourth test.").waitFor();
    await lines.getByText("+ You are a fifth test.").waitFor();
    await page.getByRole("textbox", { name: "Note" }).fill("one more");
    await save.click();
    const versions = page.getByRole("table", { name: "Versions" });
    const mine = versions.getByRole("row").filter({ hasText: "one more" });
    await mine.getByRole("link", { name: user, exact: true }).waitFor();
    await page.getByText("There is no difference.").waitFor();
    await page.getByText(/^on (the only replica|all \d+ replicas)$/).waitFor({ timeout: 20_000 });
    expect((await card()).text).toContain("fifth");
    await page.getByRole("combobox", { name: "Compare with" }).selectOption({ label: "the file" });
    await lines.getByText("- You are a fourth test.").waitFor();

    expect(await faultsHere(page)).toEqual([]);

    /** As an operator at another screen does. */
    const editElsewhere = (words: string) =>
      page.evaluate(
        async (edit) => {
          const etag = (await fetch(edit.address)).headers.get("etag")!;
          const headers = { "if-match": etag, "content-type": "application/json" };
          await fetch(edit.address, {
            method: "PUT",
            headers,
            body: JSON.stringify({ text: edit.text, note: "mine" }),
          });
        },
        { address, text: file.replace("fourth", words) },
      );
    const isTold = (no: number) =>
      page
        .getByRole("alert")
        .filter({ hasText: new RegExp(`${user}.* has changed it .*mine.*: it is version ${no} now`) })
        .waitFor();
    const mayGo = () => page.evaluate(() => dispatchEvent(new Event("beforeunload", { cancelable: true })));

    // What is not saved goes with nobody: not with another page of the dashboard, and not unasked with the window.
    await text.fill(file.replace("fourth", "sixth"));
    const { version } = await card();
    await openPage(page, "Audit");
    await page.getByText(`What you changed of ${agent} is not saved.`).waitFor();
    await editElsewhere("other");
    await page.getByRole("button", { name: "Go back", exact: true }).click();
    await isTold(version + 1);
    await page.getByText("not saved", { exact: true }).waitFor();
    expect(await text.inputValue()).toContain("sixth");
    expect(await mayGo()).toBe(false);

    await editElsewhere("third");
    await save.click();
    await isTold(version + 2);
    expect(await text.inputValue()).toContain("sixth");
    await save.click();
    await eventually(async () => (await card()).text, file.replace("fourth", "sixth"));
    await eventually(mayGo, true);

    const undo = async () => {
      await page.getByRole("button", { name: "Undo the last change" }).click();
      expect(await faultsHere(page)).toEqual([]);
      await page.getByRole("dialog").getByRole("button", { name: "Go back" }).click();
    };
    await editElsewhere("tenth");
    await undo();
    await isTold(version + 4);
    await undo();
    await eventually(async () => text.inputValue(), file.replace("fourth", "sixth"));
    await page.getByRole("button", { name: "Go back to the file" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Go back" }).click();
    await eventually(async () => text.inputValue(), file);
  },
  { expected: /400|412/ },
);

asOperator(
  "places: what is set is edited, and what is wrong is told by its field",
  "",
  async ({ page, user, view }) => {
    await openPage(page, "Places");
    const text = page.getByRole("textbox", { name: "What is set for places" });
    const save = page.getByRole("button", { name: "Save", exact: true });
    // Other views write, too: whoever is second is told, and saves again.
    const saveUntil = (done: Locator) =>
      eventually(async () => {
        if (await save.isEnabled()) await save.click();
        return (await done.count()) > 0;
      }, true);
    await text.fill("places: { here: { listen: always } }");
    await saveUntil(page.getByRole("alert").filter({ hasText: "places.here: must be" }));
    expect(await faultsHere(page)).toEqual([]);
    await text.fill(`places: { "telegram:-${VIEWS.indexOf(view) + 1}": { agent: second, listen: always } }`);
    await page.getByRole("textbox", { name: "Note" }).fill(`by ${user}`);
    const versions = page.getByRole("table", { name: "Versions" });
    await saveUntil(versions.getByRole("row").filter({ hasText: `by ${user}` }));
  },
  { expected: /400|412/ },
);
