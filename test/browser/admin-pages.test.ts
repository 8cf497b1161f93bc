import { expect } from "vitest";
import { asOperator, makeTalk, openPage } from "./support/admin.ts";
import { seriousFaults } from "./support/axe.ts";
import { type Desk, everyView } from "./support/suite.ts";

/** What is wrong with pages that are opened by the menu, one after the other. */
async function faultsOf({ page }: Desk, names: readonly string[]): Promise<string[]> {
  const faults: string[] = [];
  for (const name of names) {
    await openPage(page, name);
    await page.getByText("Loading…").first().waitFor({ state: "detached" });
    faults.push(...(await seriousFaults(page)).map((fault) => `${name}: ${fault}`));
    const wide = await page
      .locator("html, #content")
      .evaluateAll((boxes) => Math.max(...boxes.map((box) => box.scrollWidth - box.clientWidth)));
    if (wide > 0) faults.push(`${name} is ${wide} px too wide`);
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

everyView(
  "pages of the dashboard are reached by its menu, fit the screen, show the focus, and have nothing serious for axe",
  async (desk) => {
    await makeTalk();
    await desk.page.getByRole("figure", { name: "Answers" }).waitFor();
    expect(await seriousFaults(desk.page)).toEqual([]);
    expect(await faultsOf(desk, ["Sessions", "Feedback", "Keys"])).toEqual([]);
  },
  { role: "owner", path: "/admin" },
);

asOperator("so do those about runs and the gateway", "", async (desk) => {
  expect(await faultsOf(desk, ["Runs", "Traces", "Agents", "Platforms", "Deliveries"])).toEqual([]);
});

asOperator("so do those about people and what is kept", "", async (desk) => {
  expect(await faultsOf(desk, ["Budgets", "People", "Audit", "Retention"])).toEqual([]);
});
