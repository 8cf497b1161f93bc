import { beforeAll, expect, test } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import { TINY_JPEG } from "../fakes/telegram/files.ts";
import { sceneOf, turnOf } from "../support/e2e.ts";
import { docx, pdf } from "../support/sample-documents.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";

const scene = sceneOf({ model: { hears: "Remind me of the milk." }, env: { TRANSCRIPTION_MODEL: "whisper-1" } });
beforeAll(async () => {
  await scene().start();
});

/** How many pictures of a person's last turn the model was shown. */
function pictures(request: JournalEntry): number {
  const content: unknown = request.messages.findLast(({ role }) => role === "user")?.content;
  const parts = Array.isArray(content) ? (content as { type: string }[]) : [];
  return parts.filter(({ type }) => type === "image_url").length;
}

test("an album of five pictures is one turn with all of them", async () => {
  const { telegram, model } = scene();
  const { chat, user } = scene().person("Ann");
  const request = await scene().requestFor("my holidays", () => {
    for (let at = 1; at <= 5; at++) {
      const name = at === 1 ? "my holidays" : "";
      telegram.say({ chat, from: user, text: name, mediaGroupId: "album" });
    }
  });
  expect(pictures(request)).toBe(5);
  await model.until(() => request.closedAt !== null);
  await scene().shows(chat, request.sentText);
  expect(telegram.botMessages(chat)).toHaveLength(1);
});

test("a paste of 15,000 characters that the app splits is one turn with every character", async () => {
  const { telegram } = scene();
  const { chat, user } = scene().person("Ann");
  const paste = Array.from({ length: 2_500 }, (_, at) => `w${String(at).padStart(4, "0")}`).join(" ");
  expect(paste.length).toBeGreaterThan(14_900);
  const request = await scene().requestFor("w2499", () => {
    for (let at = 0; at < paste.length; at += 4_096)
      telegram.say({ chat, from: user, text: paste.slice(at, at + 4_096) });
  });
  // Telegram takes white space away where a text begins and ends.
  expect(turnOf(request).replaceAll(/\s+/g, "")).toBe(paste.replaceAll(" ", ""));
});

test("a forwarded burst is one turn, and says whose words these are", async () => {
  const { telegram } = scene();
  const { chat, user } = scene().person("Ann");
  const bob = telegram.user(55, "Bob");
  const request = await scene().requestFor("third", () => {
    for (const text of ["first", "second", "third"]) telegram.say({ chat, from: user, text, forwarded: bob });
  });
  for (const text of ["first", "second", "third"]) expect(turnOf(request)).toContain(`> ${text}`);
  expect(turnOf(request).match(/\[forwarded, written by Bob:\]/g)).toHaveLength(3);
});

test("documents, pictures and voice come in, files go out, and what cannot be read is said", async () => {
  const { telegram, model } = scene();
  const { chat, user } = scene().person("Ann");
  model.script(
    saying({
      contract: atOnce("It runs until **March**."),
      minutes: atOnce("You agreed to meet on Friday."),
      "see?": atOnce("A single dot."),
      milk: atOnce("I will remind you."),
      "cannot be read": atOnce("I cannot see films."),
      "a table": {
        toolCalls: [{ name: "send_file", args: { name: "../costs.csv", content: "item;price\nmilk;1\n" } }],
      },
    }),
  );
  const ask = async (text: string, given: object, answer: string) => {
    telegram.say({ chat, from: user, text, file: given as never });
    await scene().shows(chat, answer);
  };
  await ask(
    "what about this?",
    { kind: "document", name: "a.pdf", bytes: pdf("The contract runs until March.") },
    "It runs until March.",
  );
  expect(turnOf(model.requests.at(-1)!)).toContain(
    "[document, a.pdf, application/pdf:]\n> The contract runs until March.",
  );
  await ask(
    "and this?",
    { kind: "document", name: "b.docx", bytes: docx("The minutes: Friday.") },
    "You agreed to meet on Friday.",
  );
  await ask("see?", { kind: "photo", bytes: TINY_JPEG }, "A single dot.");
  expect(pictures(model.requests.at(-1)!)).toBe(1);
  await ask("", { kind: "voice", bytes: Buffer.from("OggS and so on") }, "I will remind you.");
  expect(model.recordings).toHaveLength(1);
  await ask(
    "watch",
    { kind: "video", name: "film.mp4", bytes: Buffer.from("film") },
    "⚠️ film.mp4: this kind of file cannot be read here.\n\nI cannot see films.",
  );
  const sent = () => telegram.journal.filter(({ method, outcome }) => method === "sendDocument" && outcome === "ok");
  model.script((request) => (request.messages.at(-1)?.role === "tool" ? atOnce("There it is, a table.") : undefined));
  telegram.say({ chat, from: user, text: "a table please" });
  await scene().shows(chat, "There it is, a table.");
  await telegram.until(() => sent().length > 0);
  await expect(asRead(telegram.transcript(chat))).toMatchFileSnapshot(file("files"));
});

test("an answer of many pages comes as five and a file that holds the whole", async () => {
  const { telegram, model } = scene();
  const { chat, user } = scene().person("Ann");
  const long = Array.from({ length: 6_000 }, (_, at) => `word${at}`).join(" ");
  const takeBack = model.script(() => atOnce(long));
  telegram.say({ chat, from: user, text: "at length" });
  const isSent = ({ method, outcome }: { method: string; outcome: unknown }) =>
    method === "sendDocument" && outcome === "ok";
  await telegram.until(
    () => telegram.journal.some((call) => isSent(call) && String(call.chat) === String(chat.id)),
    30_000,
  );
  takeBack();
  const texts = telegram.botMessages(chat).map(({ text }) => text);
  expect(texts).toHaveLength(6);
  expect(texts[4]).toMatch(/word\d+\n\n… The whole answer is in the file answer\.md\.$/);
});
