import { expect } from "vitest";
import { seriousFaults } from "./support/axe.ts";
import { composer, eventually, log, say } from "./support/chat.ts";
import { everyView, signInHash } from "./support/suite.ts";

const NOBODY = { role: "nobody" } as const;

everyView(
  "a one-time link signs in by a press, once; signing out ends it",
  async ({ page, door, user }) => {
    const url = `${door.url}/sign-in${await signInHash(door, user)}`;
    await page.goto(url);
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await composer(page).waitFor();
    expect(page.url()).toBe(`${door.url}/`);
    await page.goto(url);
    await page.getByRole("alert").getByText("This link no longer works.").waitFor();
    await page.goto(door.url);
    await page.getByRole("button", { name: "Settings" }).click();
    await page.getByRole("button", { name: "Sign out", exact: true }).click();
    await page.getByText("Write /web to the bot").waitFor();
  },
  { ...NOBODY, expected: /401/ },
);

everyView(
  "a guest talks at once, and keeps the talk at a later sign-in",
  async ({ page, door, user, view }) => {
    await page.getByRole("button", { name: "Go on as a guest" }).click();
    await composer(page).waitFor();
    await say(page, "from a guest");
    await log(page).getByText("You said: from a guest").waitFor();
    await page.goto(`${door.url}/sign-in${await signInHash(door, user)}`);
    await page.getByRole("button", { name: "Sign in" }).click();
    await composer(page).waitFor();
    if (view.width < 600) await page.getByRole("button", { name: "Show talks" }).click();
    await page.getByRole("button", { name: "from a guest", exact: true }).click();
    await log(page).getByText("You said: from a guest").waitFor();
  },
  NOBODY,
);

everyView(
  "somebody else's talk is not there",
  async ({ page, gateway, door }) => {
    const { body: foreign } = await gateway.api("POST", "/v1/sessions", { title: "secret" }, "somebody else");
    await page.goto(`${door.url}/talks/${foreign.session_id}`);
    await page.getByText("There is no such talk, or it is not yours.").waitFor();
    expect(await page.getByText("secret").count()).toBe(0);
  },
  { expected: /404/ },
);

everyView("by keys alone: search, a new talk, a message, stop", async ({ page }) => {
  await composer(page).waitFor();
  await page.keyboard.press("Control+k");
  await page.getByRole("searchbox", { name: "Search talks" }).waitFor();
  await expectFocus(page.getByRole("searchbox", { name: "Search talks" }));
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+Shift+o");
  await composer(page).focus();
  await page.keyboard.type("slow keys 20");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.press("Backspace");
  await page.keyboard.press("Enter");
  await log(page).getByText("keys3").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Stop" }).waitFor({ state: "detached" });
  await expectFocus(composer(page));
});

everyView("whatever has the focus shows it", async ({ page }) => {
  await composer(page).waitFor();
  const seen = new Set<string>();
  for (let step = 0; step < 8; step++) {
    await page.keyboard.press("Tab");
    const [name, outline] = await page.evaluate(() => {
      const at = document.activeElement!;
      const frame = at.closest(".composer") && at.tagName === "TEXTAREA" ? at.closest(".composer")! : at;
      return [
        at.outerHTML.slice(0, 80),
        at === document.body ? "solid" : getComputedStyle(frame).outlineStyle,
      ] as const;
    });
    seen.add(name);
    expect(outline, name).not.toBe("none");
  }
  expect(seen.size).toBeGreaterThan(3);
});

async function expectFocus(found: ReturnType<typeof composer>): Promise<void> {
  await eventually(() => found.evaluate((node) => node === document.activeElement), true);
}
