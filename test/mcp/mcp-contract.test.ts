import { toolSourceContract } from "../contract/tool-source.ts";
import { startHttpMcpServer } from "../fakes/mcp/http-mcp-server.ts";
import { asProcess, startPool } from "./start-mcp.ts";

const tempers = {
  working: { tool: "fake__echo", args: '{"text":"hello"}', answer: "hello" },
  failing: { tool: "fake__breaks", args: "{}" },
  huge: { tool: "fake__floods", args: "{}" },
  slow: { tool: "fake__hangs", args: "{}" },
};

toolSourceContract("an MCP server that is a process", async () => {
  const { pool } = startPool({ fake: asProcess });
  return { ...tempers, source: pool.view({ servers: ["fake"] }, "s"), close: () => pool.close() };
});

toolSourceContract("an MCP server over HTTP", async () => {
  const server = await startHttpMcpServer();
  const { pool } = startPool({ fake: { url: server.url } });
  return {
    ...tempers,
    source: pool.view({ servers: ["fake"] }, "s"),
    async close() {
      await pool.close();
      await server.close();
    },
  };
});
