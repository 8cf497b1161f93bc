import { describe, expect, test } from "vitest";
import { readChannel, readResponseUrl, readThread, readTs, tsToMs } from "../../adapters/slack/slack-ids.ts";

describe("ids that go out again", () => {
  test("are what Slack gave", () => {
    expect(readChannel("C0123ABCD")).toBe("C0123ABCD");
    expect(readTs("1790000000.000100")).toBe("1790000000.000100");
    expect(readThread("1790000000.000100")).toBe("1790000000.000100");
    expect(readThread("")).toBeUndefined();
    expect(tsToMs("1790000000.123456")).toBe(1_790_000_000_123);
  });

  test.each(["", "U2", "c5", "C5 ", "C5/x", "C5\n", `C${"5".repeat(40)}`])("%j is no channel", (chat) => {
    expect(() => readChannel(chat)).toThrow(expect.objectContaining({ code: "invalid", delivered: "no" }) as Error);
  });

  test.each(["", "1790000000", "1790000000.1", "1790000000.000100\n", "-1.000000", "https://hooks.slack.com"])(
    "%j is no message",
    (ts) => {
      expect(() => readTs(ts)).toThrow(expect.objectContaining({ code: "invalid", delivered: "no" }) as Error);
    },
  );
});

describe("addresses for answers", () => {
  test.each([
    "https://hooks.slack.com/commands/T1/123/abcDEF",
    "https://hooks.slack-gov.com/commands/T1/123/abcDEF",
    "https://hooks.slack.com/app-actions/T1/123/abcDEF",
  ])("%s is one of Slack's", (url) => {
    expect(readResponseUrl(url)).toBe(url);
  });

  test.each([
    [""],
    [null],
    [7],
    ["http://hooks.slack.com/commands/T1/1/x"],
    ["https://hooks.slack.com:8443/commands/T1/1/x"],
    ["https://hooks.slack.com@evil.example/commands/T1/1/x"],
    ["https://a:b@hooks.slack.com/commands/T1/1/x"],
    ["https://hooks.slack.com.evil.example/commands/T1/1/x"],
    ["https://evil.example/commands/T1/1/x"],
    ["https://hooks.slack.com/services/T1/B1/x"],
    ["https://hooks.slack.com/commands/T1/1/x?a=1"],
    ["https://hooks.slack.com/commands/T1/1/x#a"],
    ["https://hooks.slack.com/commands/../services/x"],
    ["https://hooks.slack.com/commands/T1/1/x\n"],
    ["javascript:alert(1)"],
    [`https://hooks.slack.com/commands/${"x".repeat(600)}`],
  ])("%j is none", (url) => {
    expect(readResponseUrl(url)).toBeNull();
  });

  test("another Slack has its own, if it is named", () => {
    const url = "http://127.0.0.1:4000/commands/T1/1/x";
    expect(readResponseUrl(url)).toBeNull();
    expect(readResponseUrl(url, ["http://127.0.0.1:4000"])).toBe(url);
  });
});
