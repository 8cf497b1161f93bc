import { expect } from "vitest";
import { faultsHere, makeTalk, openPage } from "./support/admin.ts";
import { type Desk, everyView } from "./support/suite.ts";

/** What is wrong with pages that are opened by the menu, one after the other. */
async function faultsOf({ page }: Desk, names: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  for (const name of names) {
    await openPage(page, name);
    await page.getByText("Loading…").first().waitFor({ state: "detached" });
    faults.push(...(await faultsHere(page)).map((fault) => `${name}: ${fault}`));
    for (let step = 0; step < 4; step++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const it = document.activeElement!;
        // Behind the last one it is the browser's own.
        if (it === document.body) return null;
        return getComputedStyle(it).outlineStyle === "none" ? it.outerHTML.slice(0, 100) : null;
      });
      if (at !== null) faults.push(`${name}: the focus is not seen on ${at}`);
    }
  }
  return faults;
}

const OWNER = { role: "owner", path: "/admin" } as const;

everyView(
  "pages of the dashboard are reached by its menu, fit the screen, show the focus, and have nothing serious for axe",
  async (desk) => {
    await makeTalk();
    await desk.page.getByRole("figure", { name: "Answers" }).waitFor();
    expect(await faultsHere(desk.page)).toEqual([]);
    expect(await faultsOf(desk, ["Sessions", "Feedback", "Keys"])).toEqual([]);
  },
  OWNER,
);

everyView(
  "so do those about runs and the gateway",
  async (desk) => {
    expect(await faultsOf(desk, ["Runs", "Traces", "Agents", "Platforms", "Deliveries"])).toEqual([]);
  },
  OWNER,
);

everyView(
  "so do those about people and what is kept",
  async (desk) => {
    expect(await faultsOf(desk, ["Budgets", "People", "Audit", "Retention"])).toEqual([]);
  },
  OWNER,
);

everyView(
  "what cannot be had is said and asked for again, what cannot be done too, and a list says that it is empty",
  async ({ page, door }) => {
    let isDown = true;
    await page.route(/\/v1\/(sessions|feedback|traces|keys)/, (route) =>
      isDown ? route.fulfill({ status: 503, json: { detail: "The database does not answer." } }) : route.fallback(),
    );
    const trouble = page.getByRole("alert").filter({ hasText: "The database does not answer." });
    await page.reload();
    await trouble.waitFor();
    expect(await faultsHere(page)).toEqual([]);
    await page.goto(`${door.url}/admin/traces/${"0".repeat(32)}`);
    await trouble.waitFor();
    expect(await faultsHere(page)).toEqual([]);
    await openPage(page, "Keys");
    await trouble.waitFor();
    await page.getByRole("button", { name: "Make a key" }).click();
    const form = page.getByRole("dialog", { name: "Make a key" });
    await form.getByRole("textbox", { name: "Name" }).fill("mine");
    await form.getByRole("button", { name: "Make it" }).click();
    await form.getByRole("alert").filter({ hasText: "The database does not answer." }).waitFor();
    expect(await faultsHere(page)).toEqual([]);
    await page.keyboard.press("Escape");
    isDown = false;
    await page.getByRole("button", { name: "Try again" }).click();
    await trouble.waitFor({ state: "detached" });

    await page.route(/\/v1\/sessions(\?|$)/, (route) => route.fulfill({ json: { sessions: [], next_cursor: null } }));
    await openPage(page, "Sessions");
    await page.getByText("Nobody has talked to an agent yet.").waitFor();
    expect(await faultsHere(page)).toEqual([]);
  },
  { role: "owner", path: "/admin/sessions", expected: /503/ },
);
