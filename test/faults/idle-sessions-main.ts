import { setTimeout as sleep } from "node:timers/promises";
import type { AgentCard } from "../../src/agent/agent-card.ts";
import { systemClock } from "../../src/agent/clock.ts";
import type { ModelClient } from "../../src/agent/model-client.ts";
import { newId, type UserId } from "../../src/ids.ts";
import { startPool } from "../mcp/start-mcp.ts";
import { startTestGateway, until } from "../support/test-gateway.ts";

/*
 * A gateway in a process of its own, which holds ever more sessions and writes down its heap. Started with --expose-gc,
 * the database's address, and that of an MCP server.
 */
const [databaseUrl = "", serverUrl = ""] = process.argv.slice(2);

const FIRST = 100;
const ALL = 10_000;
/** Of all sessions so many run, each once; the others are rows from the beginning. */
const RUN = 1_000;
/** Every tenth run calls a tool of a server that each session has a connection of its own to. */
const WITH_TOOL = 10;
const WARM_ROUNDS = 5;
const AT_ONCE = 50;
/** Stands for the five minutes after which an unused connection is closed. */
const IDLE_MS = 300;

const card: AgentCard = {
  name: "tester",
  description: "answers tests",
  instruction: "You are a test.",
  model: null,
  default: true,
  useHistory: true,
  sampling: {},
  maxSteps: 10,
  idleMs: null,
  servers: ["fake"],
};

const model: ModelClient = {
  async *stream({ messages }) {
    const last = messages.at(-1);
    const text = last?.parts[0]?.type === "text" ? last.parts[0].text : "";
    if (last?.role === "user" && text.endsWith("tool")) {
      yield { type: "tool_call", callId: "c", tool: "fake__echo", args: '{"text":"here"}' };
    } else {
      yield { type: "text", text: "Here you are." };
    }
    yield { type: "finished", reason: "stop", model: "scripted" };
  },
};

const clock = {
  ...systemClock,
  sleep: (ms: number, signal: AbortSignal) => systemClock.sleep(ms === 300_000 ? IDLE_MS : ms, signal),
};
const { pool } = startPool({ fake: { url: serverUrl, scope: "session" } }, clock);
const running = await startTestGateway({
  url: databaseUrl,
  model,
  servers: pool,
  cards: [card, { ...card, name: "plain", servers: [] }],
});
const { service } = running.gateway;
const { db } = running.database;
const user = await service.actFor("ann");
let begun = 0;
const first: { owner: UserId; id: string }[] = [];

async function run(last: number): Promise<void> {
  const worker = async (_: unknown, place: number) => {
    const owner = await service.actFor(`user ${place}`);
    while (begun < last) {
      const number = (begun += 1);
      const withTool = number % WITH_TOOL === 0;
      const { id } = await service.createTalkSession(owner, { agent: withTool ? "tester" : "plain" });
      if (number <= FIRST) first.push({ owner, id });
      await service.addMessage(owner, id, { text: `number ${number}${withTool ? " tool" : ""}` });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }).map(worker));
  await idle();
}

async function idle(): Promise<void> {
  const open = () => db.selectFrom("lanes").select("session_id").limit(1).execute();
  await until("all to be answered", async () => (await open()).length === 0, 120_000);
  await until("connections to be closed", () => pool.connections === 0);
}

/** The least of several looks: what waits to be collected is nobody's. */
async function heap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 8; look += 1) {
    await sleep(250);
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
  }
  return least;
}

await run(FIRST);
// What is to differ is how many sessions there are, and not how warm the code is.
for (let round = 0; round < WARM_ROUNDS; round += 1) {
  await Promise.all(first.map(({ owner, id }) => service.addMessage(owner, id, { text: "again" })));
  await idle();
}
const afterFirst = await heap();
await run(RUN);
const afterRuns = await heap();
const rows = Array.from({ length: ALL - RUN }, () => ({ id: newId("ses"), user_id: user, agent: "plain", title: "" }));
while (rows.length > 0) await db.insertInto("talk_sessions").values(rows.splice(0, 1_000)).execute();
const afterAll = await heap();
const states = await db
  .selectFrom("runs")
  .select(({ fn }) => ["state", fn.countAll<string>().as("count")])
  .groupBy("state")
  .execute();
const { sessions } = await db
  .selectFrom("talk_sessions")
  .select(({ fn }) => fn.countAll().as("sessions"))
  .executeTakeFirstOrThrow();
process.stdout.write(`${JSON.stringify({ afterFirst, afterRuns, afterAll, sessions: Number(sessions), states })}\n`);
await running.stop(0);
await pool.close();
