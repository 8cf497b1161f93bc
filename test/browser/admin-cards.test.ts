import { expect } from "vitest";
import { asOperator, openPage } from "./support/admin.ts";
import { seriousFaults } from "./support/axe.ts";
import { eventually } from "./support/chat.ts";

asOperator(
  "agents: a card is edited, compared, met by somebody else's edit, and taken back",
  "/agents",
  async (desk) => {
    const { page, view, gateway, user } = desk;
    // One card for each view, because both are looked at at once.
    const agent = view.width === 360 ? "narrow" : "edited";
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
    await versions.getByRole("row").filter({ hasText: "one more" }).waitFor();
    await page.getByText("There is no difference.").waitFor();
    await page.getByText(/^on (the only replica|all \d+ replicas)$/).waitFor({ timeout: 20_000 });
    expect((await card()).text).toContain("fifth");
    await page.getByRole("combobox", { name: "Compare with" }).selectOption({ label: "the file" });
    await lines.getByText("- You are a fourth test.").waitFor();

    expect(await seriousFaults(page)).toEqual([]);
    expect(await page.locator("#content").evaluate((it) => it.scrollWidth - it.clientWidth)).toBe(0);

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
  async ({ page, view, gateway }) => {
    await openPage(page, "Places");
    const text = page.getByRole("textbox", { name: "What is set for places" });
    await text.fill("places: { here: { listen: always } }");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("alert").filter({ hasText: "places.here: must be" }).waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    const place = `telegram:-${view.width}`;
    await text.fill(`places: { "${place}": { agent: edited, listen: always } }`);
    // The other view writes, too: whoever is second is told, and saves again.
    await eventually(async () => {
      await page
        .getByRole("button", { name: "Save", exact: true })
        .click({ timeout: 1_000 })
        .catch(() => undefined);
      const { body } = await gateway.api("GET", "/v1/places/versions/1");
      const { body: now } = await gateway.api("GET", "/v1/places");
      return `${body.text} ${now.text}`.includes(place);
    }, true);
  },
  { expected: /400|412/ },
);
