import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A piece of an answer: words, a tool that the agent calls itself, bytes as they are, or how the stream goes wrong. */
export type Piece =
  | string
  | { tool: string; args: object; result?: string }
  | { raw: string }
  | { until: Promise<unknown> }
  | { end: "stall" | "reset" | "cut" | "tool_calls" | "error" };

/** Instead of a stream. */
export interface Refusal {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

interface Said {
  role: string;
  content?: unknown;
}

export interface AgentRequest {
  headers: IncomingHttpHeaders;
  body: { model?: string; messages: Said[]; session_id?: string; tools?: unknown };
  /** What the agent read, with what it kept of that session. */
  read: Said[];
  open: boolean;
}

export interface BaseAgent extends AsyncDisposable {
  /** Ending in /v1. */
  readonly url: string;
  readonly requests: readonly AgentRequest[];
  /** How it answers from now on. */
  answers(answer: (request: AgentRequest) => readonly Piece[] | Refusal): void;
}

/**
 * A server as BaseAgent's (fipsagents/server/app.py, serialization/openai_sse.py): streams what its agent says and, as
 * deltas of the role `tool`, what its own tools gave; keeps the history of a request that names a session.
 */
export async function startBaseAgent(key = ""): Promise<BaseAgent> {
  const requests: AgentRequest[] = [];
  const sessions = new Map<string, Said[]>();
  let answer: (request: AgentRequest) => readonly Piece[] | Refusal = () => ["Hello ", "from afar."];
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  async function handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    if (incoming.method !== "POST" || incoming.url !== "/v1/chat/completions") {
      return refuse(response, { status: 404, body: '{"detail":"Not Found"}' });
    }
    const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as AgentRequest["body"];
    const kept = sessions.get(body.session_id ?? "") ?? [];
    const request = { headers: incoming.headers, body, read: [...kept, ...body.messages], open: true };
    response.once("close", () => (request.open = false));
    requests.push(request);
    if (key !== "" && incoming.headers.authorization !== `Bearer ${key}`) {
      return refuse(response, { status: 401, body: `{"detail":"bad key ${incoming.headers.authorization}"}` });
    }
    const given = answer(request);
    if ("status" in given) return refuse(response, given);
    const said = await play(given, body.model ?? "", response);
    if (body.session_id) sessions.set(body.session_id, [...request.read, { role: "assistant", content: said }]);
  }

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    answers: (next) => void (answer = next),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function refuse(response: ServerResponse, { status, headers, body = "" }: Refusal): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(body);
}

/** What was said in words. */
async function play(pieces: readonly Piece[], model: string, response: ServerResponse): Promise<string> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const closed = once(response, "close");
  const write = async (text: string) => {
    const full = !response.write(text) && !response.destroyed;
    if (full) await Promise.race([new Promise<void>((resolve) => response.once("drain", resolve)), closed]);
    // Each piece is a read of its own at the other side.
    await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const delta = (fields: object, finish: string | null = null) =>
    write(`data: ${JSON.stringify({ model, choices: [{ index: 0, delta: fields, finish_reason: finish }] })}\n\n`);
  let said = "";
  let calls = 0;
  await delta({ role: "assistant" });
  for (const piece of pieces) {
    if (typeof piece === "string") {
      said += piece;
      await delta({ content: piece });
    } else if ("raw" in piece) await write(piece.raw);
    else if ("until" in piece) await Promise.race([piece.until, closed]);
    else if ("tool" in piece) {
      const id = `call_${calls++}`;
      const [first, rest] = [JSON.stringify(piece.args).slice(0, 3), JSON.stringify(piece.args).slice(3)];
      const named = { index: 0, id, type: "function", function: { name: piece.tool, arguments: first } };
      await delta({ tool_calls: [named] });
      await delta({ tool_calls: [{ index: 0, function: { arguments: rest } }] });
      if (piece.result !== undefined) await delta({ role: "tool", tool_call_id: id, content: piece.result });
    } else {
      if (piece.end === "reset") response.destroy();
      if (piece.end === "cut") response.end();
      if (piece.end === "error") response.end('data: {"error":{"message":"boom","type":"server_error"}}\n\n');
      if (piece.end === "tool_calls") {
        await delta({}, "tool_calls");
        response.end("data: [DONE]\n\n");
      }
      return said;
    }
  }
  await delta({}, "stop");
  const usage = { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 };
  response.end(`data: ${JSON.stringify({ model, choices: [], usage })}\n\ndata: [DONE]\n\n`);
  return said;
}
