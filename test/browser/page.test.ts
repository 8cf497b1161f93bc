import { expect } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { everyView } from "./support/suite.ts";

everyView("the page opens, with nothing remote, no error and nothing serious for axe", async ({ page }) => {
  await page.getByRole("heading", { name: "Parley" }).first().waitFor();
  expect(await seriousFaults(page)).toEqual([]);
});
