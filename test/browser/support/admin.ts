import { randomUUID } from "node:crypto";
import { Client } from "pg";
import type { Page } from "playwright-core";
import { seriousFaults } from "./axe.ts";
import { everyView, type Desk, type DeskOptions, openSuite } from "./suite.ts";

/** A talk with one answer in it, by somebody of its own. */
export interface Talk {
  user: string;
  session: string;
  run: string;
  trace: string;
  title: string;
}

/** Has somebody ask, and waits for the answer and its trace. */
export async function makeTalk(text = "What is a parley?"): Promise<Talk> {
  const { gateway } = await openSuite();
  const user = `asker-${randomUUID().slice(0, 8)}`;
  const title = `Talk of ${user}`;
  const made = await gateway.api("POST", "/v1/sessions", { title }, user);
  const session = made.body.session_id as string;
  await gateway.api("POST", `/v1/sessions/${session}/messages`, { text }, user);
  const deadline = performance.now() + 15_000;
  while (performance.now() < deadline) {
    const { body } = await gateway.api("GET", `/v1/sessions/${session}/runs`, undefined, user);
    const [run] = body.runs as { run_id: string; trace_id: string; ended_at: string | null }[];
    const told = run?.ended_at ? await gateway.api("GET", `/v1/traces/${run.trace_id}`, undefined, user) : null;
    if (run && told?.body.ended_at) return { user, session, run: run.run_id, trace: run.trace_id, title };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the talk was not answered");
}

/** Puts a row where only a platform would have put it. */
export async function insert(table: string, row: Record<string, unknown>): Promise<void> {
  const names = Object.keys(row);
  const places = names.map((_, index) => `$${index + 1}`);
  await runStatement(`insert into ${table} (${names.join(", ")}) values (${places.join(", ")})`, Object.values(row));
}

export async function remove(table: string, id: string): Promise<void> {
  await runStatement(`delete from ${table} where id = $1`, [id]);
}

async function runStatement(statement: string, values: unknown[]): Promise<void> {
  const client = new Client({ connectionString: (await openSuite()).databaseUrl });
  await client.connect();
  await client.query(statement, values);
  await client.end();
}

/** What an operator does at a page of the dashboard. */
export function asOperator(
  name: string,
  path: string,
  work: (desk: Desk) => Promise<void>,
  options: DeskOptions = {},
): void {
  everyView(name, work, { role: "owner", ...options, path: `/admin${path}` });
}

/** Goes to another page of the dashboard by its menu, which is behind a button where there is no room. */
export async function openPage(page: Page, name: string): Promise<void> {
  await page.getByRole("banner").waitFor();
  const menu = page.getByRole("button", { name: "Menu", exact: true });
  if (await menu.isVisible()) await menu.click();
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

/** What is wrong with what is open just now: for axe, and by being wider than the screen. */
export async function faultsHere(page: Page): Promise<string[]> {
  const wide = await page
    .locator("html, #content, dialog[open]")
    .evaluateAll((boxes) => Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth)));
  return [...(await seriousFaults(page)), ...(wide > 0 ? [`${wide} px too wide`] : [])];
}
