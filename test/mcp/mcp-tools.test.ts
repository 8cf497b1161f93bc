import { SdkError, SdkErrorCode, SdkHttpError, type Tool } from "@modelcontextprotocol/client";
import { describe, expect, test } from "vitest";
import { McpUnreachable, toMcpTrouble } from "../../adapters/mcp/mcp-errors.ts";
import { toResult, toTools } from "../../adapters/mcp/mcp-tools.ts";

const tool = (name: string, changes: Partial<Tool> = {}): Tool => ({
  name,
  inputSchema: { type: "object" },
  ...changes,
});
const namesOf = (server: string, ...names: string[]) =>
  toTools(
    server,
    names.map((name) => tool(name)),
    undefined,
  ).map((each) => each.tool.name);

describe("the tools of a server", () => {
  test("have names that models take, which differ where the server's do", () => {
    const names = namesOf("my.mail", "send", "a b", "a.b", "x".repeat(80), `${"x".repeat(80)}y`);
    expect(names[0]).toBe("my_mail__send");
    expect(new Set(names).size).toBe(5);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(namesOf("my.mail", "send", "a b", "a.b", "x".repeat(80), `${"x".repeat(80)}y`)).toEqual(names);
  });

  test("are no more, and no larger, than a model can be shown", () => {
    const many = Array.from({ length: 300 }, (_, each) => `t${each}`);
    expect(namesOf("s", ...many)).toHaveLength(128);
    const huge = tool("huge", { inputSchema: { type: "object", description: "x".repeat(20_000) } });
    const long = tool("long", { description: "y".repeat(20_000) });
    const shown = toTools("s", [huge, long], undefined);
    expect(shown.map(({ original }) => original)).toEqual(["long"]);
    expect(Buffer.byteLength(shown[0]!.tool.description)).toBeLessThanOrEqual(4_000);
  });

  test("are named by the server, and filtered by that name", () => {
    const listed = ["read_mail", "read_[x]", "send"].map((name) => tool(name));
    const through = (...globs: string[]) => toTools("mail", listed, globs).map(({ original }) => original);
    expect(through("read_*")).toEqual(["read_mail", "read_[x]"]);
    expect(through("[!r]*")).toEqual(["send"]);
    expect(through("read_[[]x]")).toEqual(["read_[x]"]);
    expect(through(".*")).toEqual([]);
    expect(through("se?d", "nothing")).toEqual(["send"]);
    expect(through()).toEqual([]);
  });
});

describe("a result", () => {
  test("is its words; pictures and other bytes are named", () => {
    const result = toResult({
      content: [
        { type: "text", text: "one" },
        { type: "image", data: "AAAA", mimeType: "image/png" },
        { type: "resource_link", name: "page", uri: "https://x.test/a" },
        { type: "resource", resource: { uri: "file:///a", text: "inside" } },
        { type: "resource", resource: { uri: "file:///b", blob: "AAAA" } },
      ],
    });
    expect(result).toEqual({
      ok: true,
      text: "one\n[image, image/png, not shown]\n[page: https://x.test/a]\ninside\n[file:///b, not shown]",
    });
  });

  test("without words is its data, or says that there are none", () => {
    expect(toResult({ content: [], structuredContent: { a: 1 } })).toEqual({ ok: true, text: '{"a":1}' });
    expect(toResult({ content: [] })).toEqual({ ok: true, text: "Done; it says nothing." });
    expect(toResult({ content: [], isError: true }).ok).toBe(false);
  });
});

describe("an error", () => {
  const cause = (code: string) => Object.assign(new Error("x"), { code });
  test.each([
    [new McpUnreachable("resting"), "unsent", "resting"],
    [new SdkError(SdkErrorCode.RequestTimeout, "s3cr3t"), "late", "no answer in time"],
    [new SdkError(SdkErrorCode.ConnectionClosed, "s3cr3t"), "lost", "CONNECTION_CLOSED"],
    [new SdkError(SdkErrorCode.NotConnected, "s3cr3t"), "unsent", "NOT_CONNECTED"],
    [new SdkHttpError(SdkErrorCode.SendFailed, "s3cr3t", { status: 404 }), "unsent", "HTTP 404"],
    [new SdkHttpError(SdkErrorCode.SendFailed, "s3cr3t", { status: 403 }), "unsent", "HTTP 403"],
    [new SdkHttpError(SdkErrorCode.SendFailed, "s3cr3t", { status: 502 }), "lost", "HTTP 502"],
    [new TypeError("fetch failed", { cause: cause("ECONNREFUSED") }), "unsent", "ECONNREFUSED"],
    [new TypeError("fetch failed", { cause: cause("ECONNRESET") }), "lost", "ECONNRESET"],
    ["s3cr3t", "lost", "cannot be reached"],
  ])("%s is %s, for the reason %s", (error, kind, reason) => {
    expect(toMcpTrouble(error)).toEqual({ kind, reason, said: "" });
  });
});
