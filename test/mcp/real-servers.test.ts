import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, type ModelStep, scriptedModel } from "../fakes/scripted-model.ts";
import { TcpLink } from "../support/chaos/tcp-link.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { childrenOf } from "../support/processes.ts";
import { startTestGateway, until } from "../support/test-gateway.ts";
import { everythingAsProcess, RealHttpServer } from "./real-server.ts";
import { live, startPool } from "./start-mcp.ts";

const SUM = "everything__get-sum";
const SLOW = "everything__trigger-long-running-operation";
const RUNS = 50;

const card: AgentCard = {
  name: "adder",
  description: "adds",
  instruction: "You add.",
  model: null,
  default: true,
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
  servers: ["everything"],
};

/** One server, whichever way it is reached. */
interface Reached {
  config: object;
  /** How often it was connected to, as the server, or the system, sees it. */
  connections(): number;
  kill(): Promise<void>;
  /** After a kill; a process is started by whoever needs it. */
  restart(): Promise<void>;
}

const closing: (() => Promise<unknown>)[] = [];
let url: string;

beforeEach(async () => {
  const database = await createTestDatabase();
  closing.push(() => database.drop());
  ({ url } = database);
});

afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const WAYS: Record<string, () => Promise<Reached>> = {
  async "over streamable HTTP"() {
    const server = await RealHttpServer.start();
    closing.push(() => server.kill());
    return {
      config: { url: server.url },
      connections: () => server.sessions,
      kill: () => server.kill(),
      restart: () => server.start(),
    };
  },
  async "as a process"() {
    const before = childrenOf(process.pid);
    const seen = new Set<number>();
    const ours = () => childrenOf(process.pid).filter((pid) => !before.includes(pid));
    return {
      config: everythingAsProcess,
      connections: () => ours().reduce((pids, pid) => pids.add(pid), seen).size,
      async kill() {
        for (const pid of ours()) process.kill(pid, "SIGKILL");
      },
      restart: async () => undefined,
    };
  },
};

describe.each(Object.keys(WAYS))("a server of npm %s", (way) => {
  async function start() {
    const server = await WAYS[way]!();
    const platform = new FakePlatform();
    const { pool, troubles } = startPool({ everything: server.config });
    closing.push(() => pool.close());
    const model = scriptedModel(...Array.from({ length: 3 * RUNS }, () => step));
    const gateway = await startTestGateway({ url, model, adapters: [platform], servers: pool, cards: [card] });
    closing.push(() => gateway.stop(0));
    await platform.listening();
    const texts = (chat: string) => platform.messages(chat).map(({ text }) => text);
    const say = (chat: string, text: string) => platform.say({ chat, from: chat, text });
    return { server, troubles, model, texts, say };
  }

  test(`serves ${RUNS} runs at once by one connection, and each gets what is its own`, async () => {
    const { server, troubles, model, texts, say } = await start();
    const chats = Array.from({ length: RUNS }, (_, run) => `${run + 1}`);
    await Promise.all(chats.map((chat) => say(chat, `add ${chat}`)));
    const sums = chats.map((chat) => `The sum of ${chat} and 1000 is ${Number(chat) + 1_000}.`);
    await until("all to be answered", () => chats.every((chat, at) => texts(chat).join() === sums[at]), 30_000);
    expect(server.connections()).toBe(1);
    expect(troubles).toEqual([]);
    const names = model.requests[0]?.tools.map(({ name }) => name) ?? [];
    expect(names).toContain(SUM);
    // What needs a client that answers the server's own questions is not even offered.
    expect(names.filter((name) => /sampling|elicitation|roots/.test(name))).toEqual([]);
  });

  test("killed in mid-call it costs that call, of which model and person are told; the next run works", async () => {
    const { server, troubles, model, texts, say } = await start();
    await say("7", "wait");
    await until("its progress to be shown", () => /⏳ .* → `\d+\/600`/u.test(texts("7").join()), 20_000);
    await server.kill();
    await until("the person to be told", () => /No result from: everything/u.test(texts("7").join()));
    const result = model.requests.at(-1)?.messages.at(-1);
    expect(result?.parts).toMatchObject([
      { type: "tool_result", ok: false, text: expect.stringMatching(/^The connection to everything broke before/) },
    ]);
    expect(troubles).toHaveLength(1);
    await server.restart();
    await say("7", "add 7");
    await until("the next answer", () => texts("7").at(-1) === "The sum of 7 and 1000 is 1007.");
  });
});

test("an answer whose connection breaks is read on, where the server keeps it", async () => {
  const server = await RealHttpServer.start();
  closing.push(() => server.kill());
  const link = await TcpLink.start(Number(new URL(server.url).port));
  closing.push(() => link[Symbol.asyncDispose]());
  const { pool, troubles } = startPool({ everything: { url: `http://127.0.0.1:${link.port}/mcp` } });
  closing.push(() => pool.close());
  const view = pool.view(card, "s");
  // The server is done before it is asked for the rest, a second later: of what comes after that it sends nothing.
  const args = JSON.stringify({ duration: 0.8, steps: 4 });
  let broken = 0;
  const report = async () => {
    if (++broken === 1) link.drop();
  };
  const result = await view.call({ callId: "1", tool: SLOW, args }, live(), { report, history: () => [] });
  expect(result).toEqual({ ok: true, text: "Long running operation completed. Duration: 0.8 seconds, Steps: 4." });
  expect([broken > 0, server.sessions, troubles]).toEqual([true, 1, []]);
});

/** Calls what it is asked for, and says what came of it. */
function step({ messages }: ModelRequest): ModelStep {
  const last = messages.at(-1)!;
  if (last.role === "tool") return last.parts.flatMap((part) => (part.type === "tool_result" ? [part.text] : []));
  const [, number] = /^add (\d+)$/.exec(textOf(last)) ?? [];
  if (number === undefined) return callTool(SLOW, { duration: 60, steps: 600 });
  return callTool(SUM, { a: Number(number), b: 1_000 });
}
