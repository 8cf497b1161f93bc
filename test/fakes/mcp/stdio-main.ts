import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { makeMcpServer } from "./make-mcp-server.ts";

const server = makeMcpServer({ calls: [], aborted: [] }, () => process.exit(1));
await server.connect(new StdioServerTransport());
process.stdin.on("end", () => process.exit(0));
