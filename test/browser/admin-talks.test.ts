import type { Locator } from "playwright-core";
import { expect } from "vitest";
import { asOperator, faultsHere, makeTalk, openPage } from "./support/admin.ts";
import { eventually } from "./support/chat.ts";

asOperator(
  "overview: answers, time to first visible text, errors, cost and feedback are plotted, and stand in a table",
  "",
  async ({ page, gateway }) => {
    const talk = await makeTalk();
    await gateway.api("POST", "/v1/feedback", { run_id: talk.run, rating: 1 }, talk.user);
    await page.reload();
    for (const name of ["Answers", "Time to first visible text", "Errors", "Cost", "Tokens", "Feedback"]) {
      await page.getByRole("figure", { name }).getByRole("img").waitFor();
    }
    const answers = page.getByRole("figure", { name: "Answers" });
    await answers.getByText("Answers per hour (UTC):").waitFor();
    await page.getByRole("figure", { name: "Cost" }).getByText("estimated by the models’ prices").waitFor();
    await answers.getByText("As a table").click();
    const table = answers.getByRole("table");
    expect(await faultsHere(page)).toEqual([]);
    expect(await table.getByRole("columnheader").allInnerTexts()).toEqual([
      "Hour (UTC)",
      "completed",
      "stopped",
      "failed",
    ]);
    expect(Number(await table.getByRole("row").last().getByRole("cell").first().innerText())).toBeGreaterThan(0);
    await page.getByRole("combobox", { name: "Time", exact: true }).selectOption("Last 7 days");
    await page.waitForURL(/since=7d/);
    await answers.getByRole("columnheader", { name: "Day (UTC)" }).waitFor();
    await page.getByRole("combobox", { name: "Agent", exact: true }).selectOption("unasked");
    await answers.getByText("0 completed, 0 stopped, 0 failed").waitFor();
    await page.getByText("unasked has answered nobody in this time.").waitFor();
    expect(await faultsHere(page)).toEqual([]);
  },
);

asOperator("runs: one that lives is seen and stopped", "/runs", async ({ page, gateway, model, user }) => {
  const mark = `slow ${user}`;
  const forget = model.script((exchange) =>
    JSON.stringify(exchange.body).includes(mark) ? { text: "word ".repeat(500), chunkEveryMs: 200 } : undefined,
  );
  const { body } = await gateway.api("POST", "/v1/sessions", {}, user);
  await gateway.api("POST", `/v1/sessions/${body.session_id}/messages`, { text: mark }, user);
  const live = page.getByRole("table", { name: "Live runs" });
  const row = live.getByRole("row").filter({ has: page.getByTitle(body.session_id) });
  await row.getByRole("button", { name: /^Stop run run_/ }).click();
  const sure = page.getByRole("dialog", { name: "Stop this run?" });
  await sure.waitFor();
  expect(await faultsHere(page)).toEqual([]);
  await sure.getByRole("button", { name: "Stop it" }).click();
  await page.getByRole("status").filter({ hasText: "The run ends." }).waitFor();
  await eventually(async () => row.count(), 0);
  const { body: after } = await gateway.api("GET", `/v1/sessions/${body.session_id}/runs`, undefined, user);
  expect(after.runs[0]).toMatchObject({ status: "cancelled" });
  forget();
});

asOperator(
  "sessions: found by words that were said, read as a transcript, and the address can be shared",
  "/sessions",
  async ({ page, user, view }) => {
    const word = `needle-${user.slice(-8)}`;
    const talk = await makeTalk(`Where is the ${word}? <img src=x onerror=alert(1)>`);
    await page.getByRole("searchbox", { name: "Words of a title or message" }).fill(word);
    await page.waitForURL(new RegExp(`q=${word}`));
    const table = page.getByRole("table", { name: "Sessions" });
    await eventually(async () => table.getByRole("rowheader").allInnerTexts(), [talk.title]);
    await page.reload();
    await eventually(async () => table.getByRole("rowheader").allInnerTexts(), [talk.title]);
    await table.getByRole("link", { name: talk.title }).click();
    await page.getByRole("heading", { level: 1, name: "Session" }).waitFor();
    const transcript = page.getByRole("region", { name: "Transcript" });
    // As it was written: a text is a text.
    await transcript.getByText(`Where is the ${word}? <img src=x onerror=alert(1)>`, { exact: true }).first().waitFor();
    expect(await transcript.getByRole("img").count()).toBe(0);
    expect(await faultsHere(page)).toEqual([]);
    if (view.width > 600) expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("H1");
    await transcript.getByRole("link", { name: "Trace" }).first().click();
    await page.getByRole("heading", { level: 1, name: "Trace" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { level: 1, name: "Session" }).waitFor();
  },
);

asOperator("people, places and keys are named, and told apart by their ids", "", async (desk) => {
  const { page, gateway, user } = desk;
  const talk = await makeTalk();
  const { body: session } = await gateway.api("GET", `/v1/sessions/${talk.session}`, undefined, talk.user);
  const id = session.user_id as string;
  await gateway.api("POST", "/v1/feedback", { run_id: talk.run, rating: 1 }, talk.user);
  const { body: key } = await gateway.api("POST", "/v1/keys", { name: `key of ${user}`, role: "operator" });
  const asKey = { authorization: `Bearer ${key.key}`, "content-type": "application/json" };
  const blocked = await fetch(`${gateway.url}/v1/users/${id}`, {
    method: "PATCH",
    headers: asKey,
    body: JSON.stringify({ blocked: true }),
  });
  expect(blocked.status).toBe(200);
  const named = (where: Locator) => where.getByTitle(id).and(page.getByRole("link", { name: talk.user, exact: true }));
  await openPage(page, "Sessions");
  await named(page.getByRole("row").filter({ hasText: talk.title })).waitFor();
  await openPage(page, "Runs");
  await named(page.getByRole("table", { name: "Recent runs" })).waitFor();
  await openPage(page, "Feedback");
  await named(page.getByRole("list", { name: "Feedback" })).waitFor();
  await openPage(page, "Audit");
  const entry = page
    .getByRole("row")
    .filter({ hasText: "user.block" })
    .filter({ has: page.getByTitle(id) });
  await named(entry).waitFor();
  await entry
    .getByTitle(key.key_id)
    .and(page.getByRole("link", { name: `key of ${user}`, exact: true }))
    .waitFor();
  await page
    .getByRole("link", { name: `key of ${user}`, exact: true })
    .first()
    .click();
  await page.waitForURL(new RegExp(`actor=${key.key_id}`));
});

asOperator("traces: a waterfall whose spans open", "/traces", async ({ page, door }) => {
  const talk = await makeTalk();
  await page.reload();
  await page.getByRole("table", { name: "Traces" }).getByTitle(talk.trace).first().waitFor();
  await page.goto(`${door.url}/admin/traces/${talk.trace}`);
  const waterfall = page.getByRole("region", { name: "Waterfall" });
  await waterfall.getByRole("button", { name: /^run helper/ }).waitFor();
  const chat = waterfall.getByRole("button", { name: /^chat/ });
  await chat.focus();
  await page.keyboard.press("Enter");
  expect(await chat.getAttribute("aria-expanded")).toBe("true");
  await waterfall.getByText("gen_ai.operation.name").waitFor();
  expect(await faultsHere(page)).toEqual([]);
  const bars = await waterfall
    .locator(".bar")
    .evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().width));
  expect(Math.min(...bars)).toBeGreaterThan(0);
});

asOperator("feedback: narrowed by filters, and triaged", "", async ({ page, gateway, user }) => {
  const talk = await makeTalk();
  const comment = `Too vague for ${user.slice(-8)}`;
  await gateway.api("POST", "/v1/feedback", { run_id: talk.run, rating: -1, comment }, talk.user);
  await openPage(page, "Feedback");
  await page.getByRole("searchbox", { name: "Words of a comment" }).fill(comment);
  const list = page.getByRole("list", { name: "Feedback" }).getByRole("listitem");
  await eventually(async () => list.count(), 1);
  await list.getByRole("img", { name: "Thumbs down" }).waitFor();
  expect(await faultsHere(page)).toEqual([]);
  await list.getByRole("combobox", { name: /^Triage of fb_/ }).selectOption("Done");
  await page.getByRole("status").filter({ hasText: "Noted." }).waitFor();
  await page.getByRole("combobox", { name: "Triage", exact: true }).selectOption("New");
  await page.getByText("No feedback fits.").waitFor();
  await page.getByRole("combobox", { name: "Triage", exact: true }).selectOption("Done");
  await eventually(async () => list.count(), 1);
  await page.getByRole("combobox", { name: "Rating", exact: true }).selectOption("Thumbs up");
  await page.getByText("No feedback fits.").waitFor();
  expect(await faultsHere(page)).toEqual([]);
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await eventually(async () => (await list.count()) > 0, true);
  expect(new URL(page.url()).search).toBe("");
});
