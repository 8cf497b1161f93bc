import { expect } from "vitest";
import { everyAdminView, makeTalk, openPage } from "./support/admin.ts";
import { seriousFaults } from "./support/axe.ts";

const NAMES = ["Sessions", "Feedback", "Keys", "Runs", "Traces", "Agents", "Platforms"];
const MORE = ["Deliveries", "Budgets", "People", "Audit", "Retention"];

everyAdminView(
  "the pages of the dashboard are reached by its menu, fit the screen, and have nothing serious for axe",
  "",
  async ({ page, view }) => {
    await makeTalk();
    await page.getByRole("figure", { name: "Answers" }).waitFor();
    const faults = await seriousFaults(page);
    // Colours and widths are the same on all of them: the whole tour is made in two of the four views.
    const isWhole = view.width > 600 === (view.colors === "light");
    for (const name of isWhole ? [...NAMES, ...MORE] : NAMES.slice(0, 3)) {
      await openPage(page, name);
      await page.getByText("Loading…").first().waitFor({ state: "detached" });
      faults.push(...(await seriousFaults(page)).map((fault) => `${name}: ${fault}`));
      const wide = await page.locator("#content").evaluate((content) => content.scrollWidth - content.clientWidth);
      if (wide > 0) faults.push(`${name} is ${wide} px too wide`);
    }
    expect(faults).toEqual([]);
  },
);
