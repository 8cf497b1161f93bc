import axe from "axe-core";
import type { Page } from "playwright-core";

interface Violation {
  id: string;
  impact: string | null;
  nodes: { html: string; failureSummary?: string }[];
}

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** What axe finds of WCAG 2.2 A and AA on the page as it is, that is serious or worse; contrast in both colours. */
export async function seriousFaults(page: Page): Promise<string[]> {
  // By the debugger, which the page's policy does not bind.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const found = await run(page, { type: "tag", values: TAGS });
  const dark = await page.evaluate(() => matchMedia("(prefers-color-scheme: dark)").matches);
  await page.emulateMedia({ colorScheme: dark ? "light" : "dark" });
  found.push(...(await run(page, { type: "rule", values: ["color-contrast"] })));
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light" });
  return found
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

async function run(page: Page, runOnly: { type: "tag" | "rule"; values: string[] }): Promise<Violation[]> {
  return page.evaluate(async (only) => {
    // Colours that are on their way are nobody's.
    const changes = document.getAnimations().filter((animation) => animation instanceof CSSTransition);
    await Promise.allSettled(changes.map(({ finished }) => finished));
    const loaded = globalThis as unknown as { axe: { run(o: object): Promise<{ violations: Violation[] }> } };
    return (await loaded.axe.run({ runOnly: only, resultTypes: ["violations"] })).violations;
  }, runOnly);
}
