import { Client } from "pg";
import { expect, it, onTestFinished } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeMessage } from "../fakes/telegram/chats.ts";
import { lastUserText, type Replica, Stage } from "../support/chaos/stage.ts";
import { answerTo, measured } from "../support/chaos/verdict.ts";

const WORDS = 300;
/** Speaks for half a minute, so that nothing but the stop ends it. */
const LONG = { words: WORDS, chunkChars: 8, chunkEveryMs: 100 };
const SHORT = { words: 5, chunkChars: 8, chunkEveryMs: 10 };

interface Scene {
  stage: Stage;
  chat: number;
  /** Does not run the answer; everything that ends it is sent there. */
  other: Replica;
  message: FakeMessage;
  request: JournalEntry;
}

/** An answer that one replica runs and shows, and the router turned to the other one. */
async function play(stage: Stage, chat: number): Promise<Scene> {
  const { telegram, model } = stage;
  const person = telegram.user(chat, `P${chat}`);
  telegram.say({ chat: telegram.privateChat(person), from: person, text: `talk ${chat}` });
  const message = await stage.botMessage(chat);
  await telegram.until(() => message.versions.length >= 2);
  const request = model.requests.at(-1)!;
  const other = stage.other(stage.replicaOf(request));
  stage.router.target = other;
  return { stage, chat, other, message, request };
}

async function openStage(): Promise<Stage> {
  const stage = await Stage.open({ webhook: true, model: SHORT });
  const [a] = await stage.startTwo();
  stage.router.target = a;
  stage.model.script((request) =>
    lastUserText(request).startsWith("talk") ? { text: answerTo("the long one", WORDS), ...LONG } : {},
  );
  return stage;
}

/** Ms from `sentAt` until the model saw that nobody listens any more. */
async function closedAfter({ stage, request }: Scene, sentAt: number): Promise<number> {
  await stage.model.until(() => request.closedAt !== null, 5_000);
  expect(request.closedBy).toBe("client");
  return request.closedAt! - sentAt;
}

/** The partial is marked and stays so, and the next question (what interrupted, or a new one) is answered. */
async function expectGoesOn({ stage, chat, message }: Scene, mark: string, question: string | null): Promise<void> {
  const { telegram } = stage;
  await telegram.until(() => message.text.endsWith(mark));
  const marked = message.versions.length;
  const partial = message.text.slice(0, -mark.length).trimEnd();
  expect(partial.length).toBeGreaterThan(0);
  expect(answerTo("the long one", WORDS).startsWith(partial)).toBe(true);
  if (question === null) telegram.say({ chat, from: telegram.user(chat), text: "next" });
  await telegram.until(() => telegram.botMessages(chat).at(-1)?.text === answerTo(question ?? "next", SHORT.words));
  expect(message.versions).toHaveLength(marked);
}

async function stopOverApi({ stage, chat, other }: Scene): Promise<void> {
  const [session] = await stage.rows<{ id: string; user_id: string }>(
    "select s.id, s.user_id from talk_sessions s join places p on p.session_id = s.id where p.chat = $1",
    [String(chat)],
  );
  const answer = await other.process.api("POST", `/v1/sessions/${session!.id}/stop`, undefined, session!.user_id);
  expect(answer.status).toBe(202);
}

/** Ends every LISTEN connection as soon as it is there, until the test is over: no hint crosses to another replica. */
async function silenceHints(stage: Stage): Promise<() => number> {
  const client = new Client({ connectionString: stage.databaseUrl });
  await client.connect();
  let ended = 0;
  const over = new AbortController();
  const work = (async () => {
    while (!over.signal.aborted) {
      const { rowCount } = await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and query ilike 'listen%'`,
      );
      ended += rowCount ?? 0;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await client.end();
  })();
  onTestFinished(async () => {
    over.abort();
    await work;
  });
  return () => ended;
}

interface Ending {
  what: string;
  mark: string;
  /** What is answered next because it was the end; null = nothing. */
  question: string | null;
  send: (scene: Scene) => Promise<void> | void;
}

function say(text: string): Ending["send"] {
  return ({ stage: { telegram }, chat }) => void telegram.say({ chat, from: telegram.user(chat), text });
}

const ENDINGS: Ending[] = [
  { what: "a stop by command", mark: "⏹ Stopped.", question: null, send: say("/stop") },
  { what: "a stop over the API", mark: "⏹ Stopped.", question: null, send: stopOverApi },
  { what: "a new message", mark: "⏹ Interrupted.", question: "instead", send: say("instead") },
];

it("ends the model's answer within 200 ms of a stop or a message to the other replica", async () => {
  const stage = await openStage();
  for (const [index, { what, mark, question, send }] of ENDINGS.entries()) {
    const scene = await play(stage, 100 + index);
    const sentAt = Date.now();
    await send(scene);
    expect(measured(`${what}, with hints`, await closedAfter(scene, sentAt))).toBeLessThan(200);
    await expectGoesOn(scene, mark, question);
  }
});

it("ends the model's answer within 1 s of a stop or a message to the other replica without hints", async () => {
  const stage = await openStage();
  const ended = await silenceHints(stage);
  for (const [index, { what, mark, question, send }] of ENDINGS.entries()) {
    const scene = await play(stage, 200 + index);
    const before = ended();
    await stage.model.until(() => ended() > before);
    const sentAt = Date.now();
    await send(scene);
    expect(measured(`${what}, without hints`, await closedAfter(scene, sentAt))).toBeLessThan(1_000);
    await expectGoesOn(scene, mark, question);
  }
});
