import { afterEach, beforeEach, expect, it } from "vitest";
import { Client } from "pg";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { callTool, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { startTestGateway, type TestGateway, until } from "../support/test-gateway.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let running: TestGateway | null = null;

beforeEach(async () => {
  database = await createTestDatabase();
});

afterEach(async () => {
  await running?.stop();
  running = null;
  await database.drop();
});

const LONG = "Here is something long enough to be shown";
const REFUSED = "✋ I am still answering, and take no more until that is done. Please send this again then.";

const LOCK = "begin; lock table run_events in access exclusive mode";
const WAITING = `select from pg_locks where relation = 'run_events'::regclass and not granted`;

it("an answer taken over is not taken for one that has said nothing, while what it said is still being read", async () => {
  const gate = hold();
  const tools = scriptedTools({ look: { answer: async () => gate.enter().then(() => "seen") } });
  const model = scriptedModel([LONG, callTool("look")], "All done.");
  const platform = new FakePlatform();
  running = await startTestGateway({ url: database.url, adapters: [platform], model, tools, onBusy: "reject" });
  await platform.listening();
  await platform.say({ chat: "7", from: "7", text: "one" });
  await gate.reached;
  await until("the words", () => platform.messages("7").length === 1);
  await running.stop(0);
  gate.release();

  // The claim reads events as well: the second one to lock them stands in line behind it, and before what comes then.
  const [first, second] = await Promise.all([connect(), connect()]);
  try {
    await first.query(LOCK);
    running = await startTestGateway({ url: database.url, adapters: [platform], model, tools, onBusy: "reject" });
    await platform.listening();
    await until("the claim to wait", async () => (await first.query(WAITING)).rowCount === 1);
    const locked = second.query(LOCK);
    await until("the next to wait", async () => (await first.query(WAITING)).rowCount === 2);
    await first.query("rollback");
    await locked;
    await until("the next attempt", async () => (await run()).attempt === 2);
    await platform.say({ chat: "7", from: "7", text: "two" });
    await until("the receipt", () => platform.messages("7").some(({ text }) => text === REFUSED));
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
  await until("the end", async () => (await run()).state !== "running");
  expect(await run()).toEqual({ attempt: 2, state: "completed" });
  await until("the rest", () => platform.messages("7")[0]?.text === `${LONG}\n\nAll done.`);
});

async function connect(): Promise<Client> {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  return client;
}

async function run(): Promise<{ attempt: number; state: string }> {
  return running!.database.db.selectFrom("runs").select(["attempt", "state"]).executeTakeFirstOrThrow();
}
