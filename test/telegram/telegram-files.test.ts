import { inspect } from "node:util";
import nock from "nock";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { OutgoingFile, PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";
import { type FakeTelegram, startFakeTelegram } from "../fakes/telegram/fake-telegram.ts";
import { type GivenFile, TINY_JPEG } from "../fakes/telegram/files.ts";
import { endTelegram, telegramAt } from "./start-telegram.ts";

const NEVER = new AbortController().signal;
const MB = 1024 * 1024;

let telegram: FakeTelegram;
let adapter: PlatformAdapter;
let intake: AbortController;
let running: Promise<void> | null;

beforeAll(() => nock.restore());

beforeEach(async () => {
  telegram = await startFakeTelegram({ limits: "off", timeScale: 0.01, strict: true });
  adapter = telegramAt(telegram);
  intake = new AbortController();
  running = null;
  telegram.privateChat(telegram.user(7, "ann"));
  telegram.group(-55, "garden");
  await adapter.connect(NEVER);
});

afterEach(() => endTelegram({ telegram, adapter, intake, running }));

function to(chat: number, replyTo: string | null = null): ReplyTarget {
  return { account: adapter.account, chat: String(chat), thread: "", replyTo };
}

function listen(): IncomingUpdate[] {
  const seen: IncomingUpdate[] = [];
  running = adapter.start(async (update) => void seen.push(update), intake.signal);
  return seen;
}

/** What the bot gets of a file that Ann sends: its reference. */
async function given(file: GivenFile): Promise<string> {
  const seen = listen();
  telegram.say({ chat: 7, from: telegram.user(7), text: "", file });
  await expect.poll(() => seen.length).toBe(1);
  const [update] = seen;
  const ref = update?.kind === "message" ? update.files?.[0]?.ref : undefined;
  if (ref === undefined) throw new Error("no file came");
  return ref;
}

async function fetched(ref: string, signal = NEVER): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await adapter.files!.fetch(ref, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a failed fetch says, all of it; without the token, whatever it is. */
async function failure(fetching: Promise<unknown>): Promise<{ code: string }> {
  const error: unknown = await fetching.then(
    () => expect.unreachable("the file came"),
    (it: unknown) => it,
  );
  const everything = inspect(error, { depth: 20, showHidden: true }) + String((error as Error).stack);
  expect(everything).not.toContain(telegram.token);
  expect(everything).not.toContain(telegram.token.split(":")[1]);
  return error as { code: string };
}

function outgoing(fields: Partial<OutgoingFile> = {}): OutgoingFile {
  return { name: "answer.md", mediaType: "text/markdown", bytes: Buffer.from("# All of it"), ...fields };
}

function png(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(40);
  bytes.write("\u0089PNG", "latin1");
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
}

describe("a file that came", () => {
  test("is read from where Telegram has put it, as it was sent", async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));
    const ref = await given({ kind: "document", name: "data 1.csv", mediaType: "text/csv", bytes });
    expect((await fetched(ref)).equals(bytes)).toBe(true);
  });

  test("five pictures of an album come as five updates with a file each", async () => {
    const seen = listen();
    const from = telegram.user(7);
    for (let n = 1; n <= 5; n++) {
      const bytes = Buffer.concat([TINY_JPEG, Buffer.from([n])]);
      const text = n === 1 ? "which is best?" : "";
      telegram.say({ chat: 7, from, text, mediaGroupId: "g1", file: { kind: "photo", bytes } });
    }
    await expect.poll(() => seen.length).toBe(5);
    const messages = seen.filter((it) => it.kind === "message");
    expect(messages.map(({ text, burst }) => [text, burst])).toEqual([
      ["which is best?", "album"],
      ...Array.from({ length: 4 }, () => ["", "album"]),
    ]);
    const last = await Promise.all(messages.map(async ({ files }) => (await fetched(files![0]!.ref!)).at(-1)));
    expect(last).toEqual([1, 2, 3, 4, 5]);
  });

  test("security-28: that is too large, unknown or out of reach is told so, without the token", async () => {
    const large = await given({ kind: "video", size: 20 * MB + 1 });
    expect(await failure(fetched(large))).toMatchObject({ code: "too_large" });
    expect(await failure(fetched("BQACnone"))).toMatchObject({ code: "not_found" });
    const ref = telegram.bots[0]!.files.add({ kind: "document", bytes: Buffer.alloc(100_000) }).id;
    telegram.fault({ kind: "status", method: "download", status: 404, description: "Not Found" });
    expect(await failure(fetched(ref))).toMatchObject({ code: "not_found" });
    telegram.fault({ kind: "status", method: "download", status: 500, description: "Oops" });
    expect(await failure(fetched(ref))).toMatchObject({ code: "unavailable" });
    telegram.fault({ kind: "reset-before", method: "download" });
    expect(await failure(fetched(ref))).toMatchObject({ code: "unavailable" });
    expect(await fetched(ref)).toHaveLength(100_000);
  });

  test("that grows beyond what was said is cut off on the way", async () => {
    const bytes = Buffer.alloc(20 * MB + 1);
    const { id } = telegram.bots[0]!.files.add({ kind: "document", size: 10, bytes });
    expect(await failure(fetched(id))).toMatchObject({ code: "too_large" });
    expect(await fetched(telegram.bots[0]!.files.add({ kind: "document", bytes: bytes.subarray(1) }).id)).toHaveLength(
      20 * MB,
    );
  });

  test("that nobody wants any more is not waited for", async () => {
    const { id } = telegram.bots[0]!.files.add({ kind: "document" });
    telegram.fault({ kind: "stall", method: "download" });
    const controller = new AbortController();
    const fetching = failure(fetched(id, controller.signal));
    await telegram.until(() => telegram.calls("getFile").length > 0);
    controller.abort();
    expect(await fetching).toMatchObject({ code: "cancelled" });
  });

  test("security-18: is asked of Telegram only, whatever its path says", async () => {
    const { id } = telegram.bots[0]!.files.add({ kind: "document" });
    const odd = ["/var/lib/secret", "../../botX/getMe", "a/../../b", "//127.0.0.1:1/x", "", "a//b"];
    const asked: string[] = [];
    for (const path of odd) {
      telegram.bots[0]!.files.link = () => path;
      const { code } = await failure(fetched(id));
      asked.push(code);
    }
    expect(asked).toEqual(odd.map(() => "not_found"));
  });
});

describe("a file that is sent", () => {
  test("is there with its name and bytes, and answers what it answers", async () => {
    const ask = telegram.say({ chat: -55, from: telegram.user(7), text: "all of it?" });
    const sent = await adapter.files!.send(to(-55, String(ask.messageId)), outgoing());
    const [shown] = telegram.botMessages(-55);
    expect(sent).toEqual({ account: adapter.account, chat: "-55", messageId: String(shown!.messageId) });
    expect(shown).toMatchObject({ replyTo: ask.messageId, file: { name: "answer.md", mediaType: "text/markdown" } });
    expect(Buffer.from(shown!.file!.bytes).toString()).toBe("# All of it");
    expect(telegram.transcript(-55)).toEqual(["ann: all of it?", "bot#1: [file: answer.md]"]);
  });

  test("is shown as a picture where it is one that Telegram shows, else as a file", async () => {
    const pictures = [
      outgoing({ name: "a.png", mediaType: "image/png", bytes: png(800, 600) }),
      outgoing({ name: "wide.png", mediaType: "image/png", bytes: png(5000, 10) }),
      outgoing({ name: "none.png", mediaType: "image/png" }),
      outgoing({ name: "a.svg", mediaType: "image/svg+xml" }),
      outgoing({ name: "huge.jpg", mediaType: "image/jpeg", bytes: Buffer.concat([TINY_JPEG, Buffer.alloc(10 * MB)]) }),
    ];
    for (const picture of pictures) await adapter.files!.send(to(7), picture);
    expect(telegram.transcript(7)).toEqual([
      "bot#1: [photo]",
      "bot#2: [file: wide.png]",
      "bot#3: [file: none.png]",
      "bot#4: [file: a.svg]",
      "bot#5: [file: huge.jpg]",
    ]);
  });

  test("security-27: has a name that is no path, breaks no header and hides no ending", async () => {
    const names = ["../../etc/passwd", 'a"\r\nx: y.txt', "gpj.\u202Eexe", "", "...", `${"ü".repeat(300)}.csv`];
    for (const name of names) await adapter.files!.send(to(7), outgoing({ name }));
    expect(telegram.botMessages(7).map((it) => it.file?.name)).toEqual([
      ".._.._etc_passwd",
      "a_x_ y.txt",
      "gpj._exe",
      "file",
      "file",
      `${"ü".repeat(96)}.csv`,
    ]);
  });

  test("is refused before it is sent when it is too large or empty", async () => {
    const large = outgoing({ bytes: Buffer.alloc(adapter.files!.maxSendBytes + 1) });
    await expect(adapter.files!.send(to(7), large)).rejects.toMatchObject({ code: "too_large", delivered: "no" });
    const empty = outgoing({ bytes: Buffer.alloc(0) });
    await expect(adapter.files!.send(to(7), empty)).rejects.toMatchObject({ code: "invalid", delivered: "no" });
    expect(telegram.journal.filter(({ method }) => method.startsWith("send"))).toEqual([]);
  });

  test("fails like a text: refused for certain, or perhaps there", async () => {
    telegram.fault({ kind: "429", method: "sendDocument", retryAfter: 7 });
    const refusal = { code: "rate_limited", retryAfterMs: 7000, delivered: "no" };
    await expect(adapter.files!.send(to(7), outgoing())).rejects.toMatchObject(refusal);
    telegram.fault({ kind: "reset-after-applying", method: "sendDocument" });
    const lost = { code: "unavailable", delivered: "unknown" };
    await expect(adapter.files!.send(to(-55), outgoing())).rejects.toMatchObject(lost);
    expect([telegram.botMessages(7).length, telegram.botMessages(-55).length]).toEqual([0, 1]);
  });

  test("does not become the picture twice when the answer to it is lost", async () => {
    telegram.fault({ kind: "reset-after-applying", method: "sendPhoto" });
    const picture = outgoing({ mediaType: "image/png", bytes: png(8, 6) });
    await expect(adapter.files!.send(to(7), picture)).rejects.toMatchObject({ delivered: "unknown" });
    expect(telegram.transcript(7)).toEqual(["bot#1: [photo]"]);
  });
});
