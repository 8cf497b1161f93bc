import { eventually } from "./support/chat.ts";
import { type Desk, everyView } from "./support/suite.ts";

/** A talk in three versions, each with a title of its own; their ids, the first one's in front. */
async function talkInThree(api: Desk["api"], titles: string[]): Promise<string[]> {
  const { body: first } = await api("POST", "/v1/sessions", { title: titles[0] });
  const root = first.session_id as string;
  const branches: { id: string; from: string; at: number }[] = [];
  for (const title of titles.slice(1)) {
    const { body: fork } = await api("POST", `/v1/sessions/${root}/fork`, { from_message_index: 0 });
    await api("PATCH", `/v1/sessions/${fork.session_id}`, { title, metadata: { root, branches: null } });
    branches.push({ id: fork.session_id, from: root, at: 0 });
  }
  await api("PATCH", `/v1/sessions/${root}`, { metadata: { branches } });
  return [root, ...branches.map(({ id }) => id)];
}

everyView("rename and delete reach every version of a talk, also those that are not listed", async (desk) => {
  const { page, api, view, door } = desk;
  const search = async (words: string) => {
    const found = page.waitForResponse((answer) => answer.url().includes(`q=${words}`));
    await page.getByRole("searchbox", { name: "Search talks" }).fill(words);
    await found;
    await page.getByRole("button", { name: words, exact: true }).waitFor();
  };
  const each = async (ids: string[], what: (answer: { status: number; body: { title?: string } }) => unknown) =>
    Promise.all(ids.map(async (id) => what(await api("GET", `/v1/sessions/${id}`))));
  const ducks = await talkInThree(api, ["Ducks", "Geese", "Swans"]);
  await page.goto(`${door.url}/talks/${ducks[1]}`);
  await page.getByRole("heading", { name: "Geese" }).waitFor();
  if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
  await search("Swans");
  await page.getByRole("button", { name: "More about this talk: Swans" }).click();
  await page.getByRole("button", { name: "Rename" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Herons");
  await page.getByRole("button", { name: "Save" }).click();
  await eventually(() => each(ducks, ({ body }) => body.title), ["Herons", "Herons", "Herons"]);
  await page.getByRole("heading", { name: "Herons", includeHidden: true }).waitFor({ state: "attached" });
  await search("Herons");
  // Nobody waits ten seconds for whether it is taken back.
  await page.evaluate(() => {
    const later = window.setTimeout.bind(window);
    window.setTimeout = ((work: () => void, ms: number) => later(work, ms === 10_000 ? 100 : ms)) as typeof setTimeout;
  });
  await page.getByRole("button", { name: "More about this talk: Herons" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  // It was one of these versions that was open.
  await page.waitForURL(`${door.url}/`);
  await eventually(() => each(ducks, ({ status }) => status), [404, 404, 404]);
});
