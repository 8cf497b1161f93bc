import { connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { EventReader, type EventReaderOptions } from "../support/chaos/event-reader.ts";
import { type Replica, Stage } from "../support/chaos/stage.ts";
import { answerTo, measured } from "../support/chaos/verdict.ts";
import { ADMIN_KEY, type GatewayProcess } from "../support/gateway-process.ts";
import { until } from "../support/test-gateway.ts";

const WORDS = 120;
const SLOW = { words: WORDS, chunkChars: 4, chunkEveryMs: 20 };

function reader(options: EventReaderOptions): EventReader {
  const started = new EventReader(options);
  onTestFinished(() => started.stop());
  return started;
}

/** What must be the same for every reader: what came in, what happened in runs and what became history, in order. */
function story(of: EventReader): string[] {
  return of.events.map(({ event, data }) =>
    event === "message" || event === "accepted"
      ? `${event} ${data["seq"]} ${data["role"]}: ${data["text"]}`
      : `${data["run_id"]} ${data["attempt"]}.${data["n"]} ${event} ${JSON.stringify(data["text"] ?? null)}`,
  );
}

async function newSession(gateway: GatewayProcess, agent: string): Promise<string> {
  const answer = await gateway.api("POST", "/v1/sessions", { agent });
  expect(answer.status).toBe(201);
  return answer.body.session_id;
}

/** Connects to the events of a session and never takes a byte of them from its socket. */
async function neverReads(gateway: GatewayProcess, session: string): Promise<Socket> {
  const socket = connect(gateway.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  const lines = [`GET /v1/sessions/${session}/events HTTP/1.1`, "host: test", `authorization: Bearer ${ADMIN_KEY}`];
  socket.write(`${[...lines, "parley-user: ann"].join("\r\n")}\r\n\r\n`);
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

it("shows three readers on two replicas the same story through a take-over, one of them cut and resumed 20 times", async () => {
  const stage = await Stage.open({ model: SLOW });
  const [a, b] = await stage.startTwo();
  const session = await newSession(a.process, "demo");
  const alive = (preferred: Replica) => (preferred.process.running ? preferred : stage.other(preferred)).process.url;
  const common = { session, user: "ann" };
  const readers = [
    reader({ ...common, url: () => alive(a) }),
    reader({ ...common, url: () => alive(b) }),
    reader({ ...common, url: (n) => alive(n % 2 === 0 ? a : b), cuts: 20, cutEvery: 2 }),
  ];
  await until("all readers to be there", () => readers.every(({ connections }) => connections > 0));
  const said = await a.process.api("POST", `/v1/sessions/${session}/messages`, { text: "one" });
  expect(said.status).toBe(202);
  await until("some text at all readers", () => readers.every((each) => each.named("text.delta").length >= 3));
  const victim = stage.replicaOf(stage.model.requests[0]);
  await victim.process.kill();
  const ended = () => readers.every((each) => each.named("message").length === 2);
  await until("the answer at all readers", ended, 20_000);
  expect(readers[2]!.connections).toBeGreaterThan(20);

  const first = story(readers[0]!);
  expect(story(readers[1]!)).toEqual(first);
  expect(story(readers[2]!)).toEqual(first);
  expect(new Set(first).size).toBe(first.length);
  const whole = answerTo("one", WORDS);
  for (const each of readers) {
    expect(each.named("run.restarted")).toHaveLength(1);
    const spoken = each.named("text.delta").filter(({ data }) => data["attempt"] === 2);
    expect(spoken.map(({ data }) => data["text"]).join("")).toBe(whole);
    expect(each.named("message").map(({ data }) => data["text"])).toEqual(["one", whole]);
    const numbers = each.events.filter(({ data }) => data["attempt"] === 2).map(({ data }) => data["n"] as number);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  }
  const survivor = stage.other(victim).process;
  const stored = await survivor.api("GET", `/v1/sessions/${session}/messages`);
  expect(stored.body.messages.map(({ text }: { text: string }) => text)).toEqual(["one", whole]);
});

it("is slowed by nobody who never reads", async () => {
  const stage = await Stage.open({ model: SLOW });
  const only = (await stage.start("only")).process;
  // This agent is sent no history, so a large one burdens the readers alone.
  const session = await newSession(only, "editor");
  await stage.rows(
    `insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
     select $1, n, 'msg_' || lpad(n::text, 32, '0'), 'run_' || lpad(n::text, 32, '0'), 0, 'assistant',
            jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('0123456789', 100000))), 'complete'
     from generate_series(1, 16) n`,
    [session],
  );
  await stage.rows("update talk_sessions set head_seq = 16 where id = $1", [session]);
  const ask = async (text: string) => {
    const askedAt = Date.now();
    await only.api("POST", `/v1/sessions/${session}/messages`, { text });
    return askedAt;
  };
  const normal = reader({ session, user: "ann", url: () => only.url });
  const history = () => normal.named("message").length;
  await until("the history", () => history() === 16, 20_000);
  const before = await ask("alone");
  await until("the first answer", () => history() === 18, 20_000);
  const aloneMs = normal.named("run.completed")[0]!.at - before;

  const sockets = await Promise.all(Array.from({ length: 4 }, () => neverReads(only, session)));
  // What they asked for has been read for them, and fills their sockets.
  await until("the first bytes at each", () => sockets.every(({ bytesRead }) => bytesRead > 10_000));
  const since = await ask("in bad company");
  await until("the second answer", () => history() === 20, 20_000);
  const companyMs = normal.named("run.completed")[1]!.at - since;
  measured("an answer to its reader, alone", aloneMs);
  measured("an answer to its reader, beside four that never read", companyMs);
  expect(companyMs).toBeLessThan(aloneMs + 500);
  expect(sockets.every(({ bytesRead }) => bytesRead < 16_000_000)).toBe(true);
  const spoken = normal
    .named("text.delta")
    .map(({ data }) => data["text"])
    .join("");
  expect(spoken).toBe(answerTo("alone", WORDS) + answerTo("in bad company", WORDS));
});
