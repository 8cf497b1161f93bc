import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { loadMcpServers } from "../../adapters/mcp/load-mcp-servers.ts";
import { readMcpServers } from "../../adapters/mcp/read-mcp-servers.ts";
import { publicMessage } from "../../src/errors.ts";

const variables: Record<string, string> = { TOKEN: "s3cr3t-s3cr3t" };
const options = { file: "fastagent.config.yaml", lookup: (name: string) => variables[name], stdio: true };
const read = (servers: Record<string, object | null>, changes = {}) =>
  readMcpServers(stringify({ default_model: "gpt-5", mcp: { servers } }), { ...options, ...changes });

function faultsOf(text: string): string[] {
  try {
    readMcpServers(text, options);
  } catch (error) {
    return publicMessage(error).split("\n");
  }
  return [];
}

describe("the file of MCP servers", () => {
  test("says where servers are, in fast-agent's words", () => {
    const { servers, warnings } = read({
      docs: { url: "https://docs.test/mcp", headers: { "X-Key": "${TOKEN}" }, read_timeout_seconds: 20 },
      mail: { transport: "http", url: "${MAIL:http://127.0.0.1:9/mcp}", access_token: "${TOKEN}", scope: "session" },
      files: { command: "npx", args: ["-y", "files", "/srv"], env: { KEY: "${TOKEN}" }, concurrency: 4 },
    });
    expect(warnings).toEqual([]);
    expect(servers).toMatchObject([
      {
        name: "docs",
        target: { kind: "http", url: new URL("https://docs.test/mcp"), headers: { "X-Key": "s3cr3t-s3cr3t" } },
        scope: "shared",
        concurrency: 64,
        callMs: 20_000,
      },
      { name: "mail", target: { headers: { Authorization: "Bearer s3cr3t-s3cr3t" } }, scope: "session" },
      {
        name: "files",
        target: { kind: "stdio", command: "npx", args: ["-y", "files", "/srv"], env: { KEY: "s3cr3t-s3cr3t" } },
        concurrency: 4,
      },
    ]);
  });

  test.each([
    ["a process, where none may be started", { command: "sh" }, { stdio: false }, /set MCP_STDIO=true to allow it$/],
    ["a variable that is not set", { url: "https://x.test/${NONE}" }, {}, /names \$\{NONE\}, which is not set$/],
    ["the old transport", { transport: "sse", url: "https://x.test/sse" }, {}, /old sse transport/],
    ["a server of the model's provider", { management: "provider", url: "https://x.test" }, {}, /by its provider/],
  ])("leaves out %s, and says so", (_what, server, changes, says) => {
    const { servers, leftOut, warnings } = read({ x: server }, changes);
    expect(servers).toEqual([]);
    expect(leftOut.get("x")).toMatch(says);
    expect(warnings).toEqual([`fastagent.config.yaml: mcp.servers.x: ${leftOut.get("x")}`]);
  });

  test("tells what has no effect here", () => {
    const server = { url: "https://x.test/mcp", roots: [{ uri: "file:///srv" }], sampling: { model: "a" }, auth: null };
    expect(read({ x: { ...server, ping_interval_seconds: 5 } }).warnings).toEqual([
      "fastagent.config.yaml: mcp.servers.x.roots: has no effect here",
      "fastagent.config.yaml: mcp.servers.x.sampling: has no effect here",
    ]);
  });

  test.each([
    ["mcp: 5", /mcp: must be a mapping/],
    ["mcp: { servers: [a] }", /mcp\.servers: must be a mapping/],
    ["mcp: { servers: { 'a b': { url: 'https://x.test' } } }", /mcp\.servers\.a b: must be named by/],
    ["mcp: { servers: { x: https } }", /mcp\.servers\.x: must be a mapping/],
    ["mcp: { servers: { x: { url: 'file:///etc' } } }", /x\.url: must be an http or https address/],
    ["mcp: { servers: { x: { url: 'https://a:s3cr3t@x.test' } } }", /x\.url: must be an http or https address/],
    ["mcp: { servers: { x: { transport: stdio } } }", /x\.command: must be the program to start/],
    ["mcp: { servers: { x: { url: 'https://x.test', headers: { a: \"s3cr3t\\nb: c\" } } } }", /x\.headers: must be/],
    [
      "mcp: { servers: { x: { url: 'https://x.test', scope: all } } }",
      /x\.scope: must be one of shared, session, call/,
    ],
    ["mcp: { servers: { x: { url: 'https://x.test', concurrency: 0 } } }", /x\.concurrency: must be a whole number/],
    ["mcp: [", /fastagent\.config\.yaml: /],
  ])("is refused with file and field, and no value: %s", (text, fault) => {
    const faults = faultsOf(text);
    expect(faults[0]).toMatch(/^fastagent\.config\.yaml: /);
    expect(faults.join("\n")).toMatch(fault);
    expect(faults.join("\n")).not.toContain("s3cr3t");
  });

  test("may be missing unless it was named", async () => {
    const dir = await mkdtemp(join(tmpdir(), "parley-mcp-"));
    const path = join(dir, "servers.yaml");
    const { lookup, stdio } = options;
    expect((await loadMcpServers({ path, required: false, lookup, stdio })).servers).toEqual([]);
    await expect(loadMcpServers({ path, required: true, lookup, stdio })).rejects.toThrow(
      "servers.yaml: cannot be read (ENOENT); mend MCP_CONFIG or remove it",
    );
    await writeFile(path, "mcp: { servers: { x: { url: 'https://x.test/mcp' } } }");
    expect((await loadMcpServers({ path, required: true, lookup, stdio })).servers).toMatchObject([{ name: "x" }]);
    await rm(dir, { recursive: true });
  });
});
