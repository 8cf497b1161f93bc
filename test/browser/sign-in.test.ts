import { expect, test } from "vitest";
import { ADMIN_KEY } from "../support/gateway-process.ts";
import { seriousFaults } from "./support/axe.ts";
import { openSuite } from "./support/suite.ts";

test("a one-time link signs in by a press, at the gateway's own address, once", async () => {
  const { browser, gateway } = await openSuite();
  const made = await fetch(`${gateway.url}/v1/sign-in/links`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ role: null, user: "somebody with a link" }),
  });
  const { url } = (await made.json()) as { url: string };
  expect(url.startsWith(`${gateway.url}/sign-in#`)).toBe(true);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    const faults: string[] = [];
    page.on(
      "console",
      (line) => void (line.type() === "error" && !/429/.test(line.text()) && faults.push(line.text())),
    );
    page.on("pageerror", (error) => void faults.push(String(error)));
    // Where the provider's people come back to whom the settings do not name.
    await page.goto(`${gateway.url}/sign-in?sign-in=refused`);
    await page.getByRole("alert").getByText("You are not let in here.").waitFor();
    const busy = { status: 429, headers: { "retry-after": "1770" }, json: { code: "rate_limited", detail: "Wait." } };
    await page.route("**/v1/sign-in/guest", (route) => route.fulfill(busy));
    await page.getByRole("button", { name: "Go on as a guest" }).click();
    await page.getByRole("alert").getByText("Try it again in 30 min.").waitFor();
    const opened = await page.goto(url);
    expect(opened?.headers()["content-security-policy"]).toContain("default-src 'none'");
    // Opening it, as a preview would, uses nothing up.
    await page.reload();
    await page.getByText("somebody with a link · api").waitFor();
    expect(await seriousFaults(page)).toEqual([]);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("textbox").first().waitFor();
    expect(new URL(page.url()).pathname).toBe("/");
    const [cookie, ...others] = await context.cookies();
    expect(cookie).toMatchObject({ name: "parley", httpOnly: true, sameSite: "Lax", path: "/" });
    expect(others).toEqual([]);
    expect(await page.evaluate("document.cookie")).toBe("");
    expect(faults).toEqual([]);

    await page.getByRole("button", { name: "Settings" }).first().click();
    await page.getByText("Signed in as somebody with a link").waitFor();

    await page.goto(url);
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("button", { name: "Sign in" }).count()).toBe(0);
  } finally {
    await context.close();
  }
});
