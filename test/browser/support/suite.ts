import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { expect, test } from "vitest";
import { type FakeModel, startFakeModel } from "../../fakes/model-server.ts";
import { openBrowser } from "../../support/browser.ts";
import { ADMIN_KEY, GatewayProcess, type GatewayProcessOptions } from "../../support/gateway-process.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { answers } from "./answers.ts";
import { FrontDoor } from "./front-door.ts";

/** How people look at the page. What axe judges is looked at in the other colours as well. */
export const VIEWS = [
  { width: 1280, colors: "light" },
  { width: 360, colors: "dark" },
] as const;
export type View = (typeof VIEWS)[number];

export interface Suite {
  browser: Browser;
  model: FakeModel;
  gateway: GatewayProcess;
  databaseUrl: string;
  door: FrontDoor;
}

/** A page at somebody's desk, and the means to look behind it. */
export interface Desk extends Suite {
  page: Page;
  user: string;
  view: View;
  /** A call of the API as that person. */
  api: (method: string, route: string, body?: object) => Promise<{ status: number; body: any }>;
}

export interface DeskOptions {
  view?: View;
  user?: string;
  /** Instead of the gateway that all share. */
  door?: FrontDoor;
  path?: string;
  /** Null = a person; "nobody" = who is not signed in. */
  role?: "owner" | "operator" | "viewer" | "nobody" | null;
  /** Console errors that the test provokes. */
  expected?: RegExp;
}

const TOOLS = `
const schema = { type: "object", properties: {}, additionalProperties: true };
export const countLines = { description: "Counts.", schema, readOnly: true, run: ({ text }) => text.split("\\n").length + " lines " + text };
export const sendMail = { description: "Sends.", schema, readOnly: false, run: () => "sent" };
`;
const CARDS = {
  "helper.md":
    "---\ndefault: true\ndescription: Answers questions\n" +
    "function_tools: [tools.ts:countLines, tools.ts:sendMail]\n---\nYou are a test.\n",
  "second.md": "---\ndescription: Answers otherwise\n---\nYou are another test.\n",
  ...Object.fromEntries(
    VIEWS.map((view) => [`${editedBy(view)}.md`, "---\ndescription: Is edited\n---\nYou are a fourth test.\n"]),
  ),
  "unasked.md": "---\ndescription: Is asked by nobody\n---\nYou are a fifth test.\n",
  "waits.md": "---\ndescription: Answers one thing after the other\n---\nYou are a third test.\n",
  "tools.ts": TOOLS,
  "parley.yaml":
    "budgets: { gateway: { tokens_per_day: 1000000000 } }\n" +
    "agents: { helper: { approvals: { sendMail: ask } }, waits: { on_busy: queue } }\n",
};

/** An agent whose card nobody else edits: views are looked at side by side. */
export function editedBy({ width }: View): string {
  return `edited-${width}`;
}

let opening: Promise<Suite> | undefined;

// However the runner ends this process, what was opened here ends with it.
process.once("SIGTERM", () => process.exit(1));
process.once("disconnect", () => process.exit(1));

/** What all files share: opened by the first that asks, ended with the process. */
export async function openSuite(): Promise<Suite> {
  opening ??= open();
  return opening;
}

async function open(): Promise<Suite> {
  const model = await startFakeModel();
  model.script(answers());
  const { url: databaseUrl } = await createTestDatabase();
  const [browser, gateway] = await Promise.all([openBrowser(), startGateway(model, { databaseUrl })]);
  return { browser, model, gateway, databaseUrl, door: await FrontDoor.open(gateway.url) };
}

/** A gateway with the suite's cards. */
export async function startGateway(
  model: FakeModel,
  options: GatewayProcessOptions & { databaseUrl: string },
): Promise<GatewayProcess> {
  const agents = await mkdtemp(path.join(tmpdir(), "parley-cards-"));
  process.once("exit", () => rmSync(agents, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(CARDS)) await writeFile(path.join(agents, name), text);
  return GatewayProcess.start({
    ...options,
    env: {
      AGENTS_DIR: agents,
      OPENAI_API_KEY: "any",
      OPENAI_BASE_URL: model.url,
      OPENAI_MODEL: "fake-model",
      WEB_ACCESS: "guest",
      ...options.env,
    },
  });
}

/** Opens the page for a person of its own, in a window of its own; ends when `work` does. */
export async function atDesk(work: (desk: Desk) => Promise<void>, options: DeskOptions = {}): Promise<void> {
  const suite = await openSuite();
  const { view = VIEWS[0], user = `person-${randomUUID()}`, door = suite.door } = options;
  const context = await suite.browser.newContext({
    viewport: { width: view.width, height: view.width < 600 ? 740 : 800 },
    hasTouch: view.width < 600,
    colorScheme: view.colors,
    reducedMotion: "reduce",
    locale: "en",
  });
  try {
    if (options.role !== "nobody") await signIn(context, door, user, options.role ?? null);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    const faults: string[] = [];
    page.on("console", (line) => void (line.type() === "error" && faults.push(line.text())));
    page.on("pageerror", (error) => void faults.push(String(error)));
    page.on("request", (asked) => {
      const { protocol, origin } = new URL(asked.url());
      if (/^https?:$/.test(protocol) && origin !== door.url) faults.push(`asked for ${asked.url()}`);
    });
    await page.goto(`${door.url}${options.path ?? "/"}`);
    const api: Desk["api"] = async (method, route, body) => suite.gateway.api(method, route, body, user);
    await work({ ...suite, door, page, user, view, api });
    expect(faults.filter((fault) => !options.expected?.test(fault))).toEqual([]);
  } finally {
    await context.close();
  }
}

/** By a link of their own, as the bot would send it. */
async function signIn(
  context: BrowserContext,
  door: FrontDoor,
  user: string,
  role: DeskOptions["role"],
): Promise<void> {
  const done = await context.request.post(`${door.url}/v1/sign-in`, {
    data: { token: (await signInHash(door, user, role)).slice(1) },
    headers: { "sec-fetch-site": "same-origin" },
  });
  expect(done.status()).toBe(200);
}

/** The secret part of a sign-in link, with its sign. */
export async function signInHash(door: FrontDoor, user: string, role: DeskOptions["role"] = null): Promise<string> {
  const made = await fetch(`${door.url}/v1/sign-in/links`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ role, user }),
  });
  return new URL(((await made.json()) as { url: string }).url).hash;
}

/** One test for each way to look at the page. */
export function everyView(name: string, work: (desk: Desk) => Promise<void>, options: DeskOptions = {}): void {
  test.concurrent.for(VIEWS)(`${name} ($width px, $colors)`, async (view) => atDesk(work, { ...options, view }));
}
