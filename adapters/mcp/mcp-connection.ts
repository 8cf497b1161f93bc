import {
  type CallToolResult,
  Client,
  type Progress,
  SdkError,
  SdkErrorCode,
  TRACEPARENT_META_KEY,
  type Tool as ListedTool,
  type Transport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { McpUnreachable, toMcpTrouble } from "./mcp-errors.ts";
import type { McpServerConfig } from "./read-mcp-servers.ts";
import { watchAnswer, WatchedTransport } from "./watched-transport.ts";

/** One open connection, which many runs use at once. */
export interface McpConnection {
  /** The server's tools; asks it only when it said that they changed, or did not say so for long. */
  list(): Promise<readonly ListedTool[]>;
  call(call: ConnectionCall, signal: AbortSignal): Promise<CallToolResult>;
  /** Never rejects, and does not wait long for the server. */
  close(): Promise<void>;
}

export interface ConnectionCall {
  tool: string;
  args: Record<string, unknown>;
  /** How long it may be silent: progress begins the time anew. */
  callMs: number;
  /** Left out: nobody traces it. */
  traceparent?: string;
  onProgress: (progress: Progress) => void;
}

const CLIENT = { name: "parley", version: "0.1.0" };
const CONNECT_MS = 10_000;
/** The SDK's deadlines are behind ours, which also hold where it waits for no answer yet. */
const SDK_MS = 2 * CONNECT_MS;
/** The code of what was not done within `CONNECT_MS`. */
export const NO_ANSWER = "ETIMEDOUT";
/** Progress that never ends is no progress. The loop gives a tool up after 300 s. */
const TOTAL_MS = 290_000;
/** Not every server tells when its tools change. */
const LIST_MS = 300_000;
/** For a server to be told; the SDK ends a process that ignores it within 4 s, by force. */
const GOODBYE_MS = { http: 1_000, stdio: 5_000 };
/**
 * Connects, and rejects with McpUnreachable within 10 s if that cannot be done. The client offers nothing to the server (no sampling, no
 * questions to people): a shared connection does not know whose run a request of the server would belong to.
 */
export async function connectMcp(
  { target }: McpServerConfig,
  now: () => number,
  onClosed: () => void,
): Promise<McpConnection> {
  let tools: Promise<readonly ListedTool[]> | null = null;
  let listedAt = 0;
  const onChanged = () => void (tools = null);
  const client = new Client(CLIENT, {
    capabilities: {},
    // Asking a process which version it speaks would start a second one.
    versionNegotiation: { mode: target.kind === "http" ? "auto" : "legacy" },
    listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged } },
  });
  const transport = openTransport(target);
  const close = async () => {
    const terminated = transport instanceof WatchedTransport ? transport.terminateSession() : null;
    if (terminated) await soon(terminated, target.kind);
    await soon(client.close(), target.kind);
  };
  try {
    await within(CONNECT_MS, client.connect(transport, { timeout: SDK_MS }));
  } catch (error) {
    void soon(client.close(), target.kind);
    void soon(transport.close(), target.kind);
    throw new McpUnreachable(toMcpTrouble(error).reason);
  }
  // No EventTarget: it has this one listener.
  Object.assign(client, { onclose: onClosed });

  return {
    list() {
      if (tools && now() - listedAt < LIST_MS) return tools;
      listedAt = now();
      const listing = client.listTools(undefined, { cacheMode: "refresh", timeout: SDK_MS });
      const asked = within(CONNECT_MS, listing).then((listed) => listed.tools);
      tools = asked;
      asked.catch(() => {
        if (tools === asked) tools = null;
      });
      return asked;
    },
    call({ tool, args, callMs, traceparent, onProgress }, signal) {
      const times = { timeout: callMs, resetTimeoutOnProgress: true, maxTotalTimeout: TOTAL_MS };
      return watchAnswer(
        (lost) =>
          client.callTool(
            // https://modelcontextprotocol.io/seps/414-request-meta: servers look here, and what is before them at headers.
            { name: tool, arguments: args, ...(traceparent && { _meta: { [TRACEPARENT_META_KEY]: traceparent } }) },
            {
              ...times,
              signal: AbortSignal.any([signal, lost]),
              onprogress: onProgress,
              ...(traceparent && { headers: { traceparent } }),
            },
          ),
        () => new SdkError(SdkErrorCode.ConnectionClosed, "the answer broke off"),
      );
    },
    close,
  };
}

function openTransport(target: McpServerConfig["target"]): Transport {
  if (target.kind === "http") {
    return new WatchedTransport(target.url, target.headers);
  }
  const { command, args, env, cwd } = target;
  // Of the gateway's environment it gets PATH, HOME and the like. What it writes to stderr may hold what people said.
  return new StdioClientTransport({ command, args, env, stderr: "ignore", ...(cwd !== undefined && { cwd }) });
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(Object.assign(new Error("no answer"), { code: NO_ANSWER })), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

async function soon(work: Promise<unknown>, kind: keyof typeof GOODBYE_MS): Promise<void> {
  await within(GOODBYE_MS[kind], work).catch(() => undefined);
}
