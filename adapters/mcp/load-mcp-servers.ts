import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { GatewayError } from "../../src/errors.ts";
import { type McpServersRead, readMcpServers, type ReadOptions } from "./read-mcp-servers.ts";

export interface LoadOptions extends Omit<ReadOptions, "file"> {
  path: string;
  /** False = there need not be such a file. */
  required: boolean;
}

const MAX_BYTES = 256 * 1024;

/** Reads the file of MCP servers; throws GatewayError `invalid` with every fault in it, one a line. */
export async function loadMcpServers({ path, required, ...options }: LoadOptions): Promise<McpServersRead> {
  const file = basename(path);
  let text: string;
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new GatewayError("invalid", `${file}: is larger than 256 kB`);
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    if (code === "ENOENT" && !required) return { servers: [], leftOut: new Map(), warnings: [] };
    throw new GatewayError("invalid", `${file}: cannot be read (${code}); mend MCP_CONFIG or remove it`, { cause });
  }
  return readMcpServers(text, { ...options, file });
}
