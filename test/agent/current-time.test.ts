import { expect, test } from "vitest";
import { currentTimeTool } from "../../src/agent/current-time.ts";
import { functionTools } from "../../src/agent/function-tools.ts";

const at = (iso: string) => functionTools([currentTimeTool({ now: () => Date.parse(iso) })]);
const ask = async (iso: string, args: unknown) =>
  (await at(iso).call({ callId: "1", tool: "current_time", args: JSON.stringify(args) }, new AbortController().signal))
    .text;

test.each([
  [{}, "Saturday, 2026-11-21T23:15:07+00:00 (UTC)"],
  [{ timeZone: "Europe/Berlin" }, "Sunday, 2026-11-22T00:15:07+01:00 (Europe/Berlin)"],
  [{ timeZone: "America/St_Johns" }, "Saturday, 2026-11-21T19:45:07-03:30 (America/St_Johns)"],
])("current_time with %j says %s", async (args, text) => {
  expect(await ask("2026-11-21T23:15:07Z", args)).toBe(text);
});

test("current_time knows summer time and midnight", async () => {
  expect(await ask("2026-07-01T22:00:00Z", { timeZone: "Europe/Berlin" })).toContain(
    "Thursday, 2026-07-02T00:00:00+02:00",
  );
});

test("current_time tells the model how to name a time zone", async () => {
  expect(await ask("2026-11-21T23:15:07Z", { timeZone: "Mars/Base" })).toMatch(/"Mars\/Base" is not .* Europe\/Berlin/);
});

test("current_time changes nothing, so a call that a crash cut is repeated", async () => {
  expect(await at("2026-11-21T23:15:07Z").list()).toMatchObject([{ readOnly: true, afterCrash: "repeat" }]);
});
