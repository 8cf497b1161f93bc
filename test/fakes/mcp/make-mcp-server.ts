import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";

/** What a fake server was asked for; `aborted`: calls whose cancellation arrived. */
export interface McpJournal {
  calls: string[];
  aborted: string[];
  /** Words of progress that were sent. */
  told?: string[];
  /** What the next step of a call waits for; left out: nothing. */
  held?: () => Promise<void>;
}

const anything = fromJsonSchema<Record<string, unknown>>({ type: "object" });
const says = (text: string) => ({ content: [{ type: "text" as const, text }] });

/** A real server of the protocol, with tools of every temper. `crash`: what `die` does. */
export function makeMcpServer(journal: McpJournal, crash: () => void): McpServer {
  const server = new McpServer({ name: "fake", version: "1.0.0" }, { capabilities: { tools: { listChanged: true } } });
  const readOnly = { annotations: { readOnlyHint: true } };
  const noted = (name: string) => journal.calls.push(name);
  const hang =
    (name: string) =>
    (_args: unknown, { mcpReq }: { mcpReq: { signal: AbortSignal } }) => {
      noted(name);
      return new Promise<ReturnType<typeof says>>((resolve) => {
        mcpReq.signal.addEventListener("abort", () => {
          journal.aborted.push(name);
          resolve(says("too late"));
        });
      });
    };
  const tool = (name: string, options: object, run: (args: Record<string, unknown>) => ReturnType<typeof says>) =>
    server.registerTool(name, { description: `Does ${name}.`, inputSchema: anything, ...options }, async (args) => {
      noted(name);
      return run(args);
    });
  tool("echo", readOnly, ({ text }) => says(String(text)));
  tool("breaks", readOnly, () => ({ ...says("no luck"), isError: true }));
  tool("floods", readOnly, () => says("\0x".repeat(50_000)));
  tool("write", {}, () => says("written"));
  tool("calls", readOnly, () => says(JSON.stringify(journal)));
  server.registerTool(
    "index",
    { description: "Tells how far it is.", inputSchema: anything },
    async (args, { mcpReq }) => {
      noted("index");
      const pages = args["pages"] as string[];
      const progressToken = mcpReq._meta?.progressToken ?? "";
      for (const [at, message] of pages.entries()) {
        const held = journal.held?.();
        const params = { progressToken, progress: at + 1, total: pages.length, message };
        await mcpReq.notify({ method: "notifications/progress", params });
        journal.told?.push(message);
        await held;
      }
      return says("indexed");
    },
  );
  // It asks although the client has said that it answers no questions.
  server.registerTool("asks", { description: "Asks people and models.", inputSchema: anything }, async (args, ctx) => {
    noted("asks");
    const params =
      args["method"] === "sampling/createMessage"
        ? { messages: [{ role: "user", content: { type: "text", text: "?" } }], maxTokens: 10 }
        : { message: "Your password?", requestedSchema: { type: "object", properties: {} } };
    const asked = ctx.mcpReq.send({ method: String(args["method"]), params }, anything, { timeout: 5_000 });
    return says(await asked.then(JSON.stringify, (error: Error) => `declined: ${error.message}`));
  });
  const told = { description: "Says what a call brings besides its arguments.", inputSchema: anything, ...readOnly };
  server.registerTool("meta", told, async (_args, { mcpReq }) => says(JSON.stringify(mcpReq._meta)));
  tool("grow", {}, () => {
    tool("grown", readOnly, () => says("here"));
    return says("grown");
  });
  tool("die", {}, () => {
    crash();
    return says("dead");
  });
  server.registerTool("hangs", { description: "Hangs.", inputSchema: anything, ...readOnly }, hang("hangs"));
  server.registerTool("writes_slowly", { description: "Hangs.", inputSchema: anything }, hang("writes_slowly"));
  return server;
}
