import { beforeAll, describe, expect, test } from "vitest";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { Said } from "../fakes/slack/people.ts";
import { TINY_JPEG } from "../fakes/telegram/files.ts";
import { sceneOf, turnOf } from "../support/e2e.ts";
import { docx, pdf } from "../support/sample-documents.ts";
import { asRead, atOnce, file, saying } from "../support/transcript.ts";
import { lastTexts, SlackVoice } from "../support/voice.ts";

const scene = sceneOf({
  slack: {},
  model: { hears: "Remind me of the milk." },
  env: { TRANSCRIPTION_MODEL: "whisper-1" },
});
beforeAll(async () => {
  const { slack } = scene();
  const channels = ["1", "2", "3", "4"].map((no) => slack.channelNamed(`files-${no}`).id);
  // Those who write there are known by nothing but being let in.
  await scene().set(
    `places:\n${channels.map((id) => `  "slack:${slack.team.id}:${id}": { offer: ["*"] }\n`).join("")}`,
  );
  await scene().start({ slack: "socket" });
});

const PHOTO = { mimetype: "image/jpeg", bytes: TINY_JPEG };
const DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** How many pictures of a person's last turn the model was shown. */
function pictures(request: JournalEntry): number {
  const content: unknown = request.messages.findLast(({ role }) => role === "user")?.content;
  const parts = Array.isArray(content) ? (content as { type: string }[]) : [];
  return parts.filter(({ type }) => type === "image_url").length;
}

function paste(): string {
  const text = Array.from({ length: 2_500 }, (_, at) => `w${String(at).padStart(4, "0")}`).join(" ");
  expect(text.length).toBeGreaterThan(14_900);
  return text;
}

describe.each(["direct", "channel"] as const)("in a thread of a %s", (where) => {
  let names = 0;

  function place(): SlackVoice {
    const { slack } = scene();
    const user = slack.user(`Ann${++names}`);
    const channel = where === "direct" ? slack.dm(user) : slack.channelNamed(`files-${names}`);
    return new SlackVoice(scene(), user.name, { channel, user });
  }

  /** Writes in the thread, with files; the first words open it. */
  function write(voice: SlackVoice, said: Partial<Said>): void {
    const { channel, user, thread } = voice;
    const begins = thread === null ? { mention: where === "channel" } : { thread };
    const { ts } = scene().slack.say({ channel, user, text: "", ...begins, ...said });
    voice.thread ??= ts;
  }

  const shows = (voice: SlackVoice, text: string) => voice.until(() => lastTexts(voice).includes(text), 30_000);

  test("five pictures in one message are one turn with all of them", async () => {
    const voice = place();
    const files = [1, 2, 3, 4, 5].map((at) => ({ name: `beach${at}.jpg`, ...PHOTO }));
    const request = await scene().requestFor("my holidays", () => write(voice, { text: "my holidays", files }));
    expect(pictures(request)).toBe(5);
    await scene().model.until(() => request.closedAt !== null);
    await shows(voice, request.sentText);
    expect(voice.shown()).toHaveLength(1);
  });

  test("a paste of 15,000 characters that is sent in parts is one turn with every character", async () => {
    const voice = place();
    const opened = await scene().requestFor("a long text follows", () => write(voice, { text: "a long text follows" }));
    await scene().model.until(() => opened.closedAt !== null);
    await shows(voice, opened.sentText);
    const text = paste();
    const request = await scene().requestFor("w2499", () => {
      for (let at = 0; at < text.length; at += 4_000) write(voice, { text: text.slice(at, at + 4_000) });
    });
    const asSaid = where === "direct" ? text : `[${voice.name}]${text}`;
    expect(turnOf(request).replaceAll(/\s+/g, "")).toBe(asSaid.replaceAll(" ", ""));
  });

  test("a paste of 15,000 characters that Slack makes a snippet is one turn with every character", async () => {
    const voice = place();
    const text = paste();
    const snippet = { name: "Untitled", bytes: Buffer.from(text), fields: { mode: "snippet", filetype: "text" } };
    const request = await scene().requestFor("w2499", () => write(voice, { text: "shorten this", files: [snippet] }));
    expect(turnOf(request)).toContain("shorten this");
    expect(turnOf(request).replaceAll(/\s+/g, "")).toContain(text.replaceAll(" ", ""));
  });

  test("documents, pictures and voice come in, files go out, and what cannot be read is said", async () => {
    const { slack, model } = scene();
    const voice = place();
    model.script(
      saying({
        contract: atOnce("It runs until **March**."),
        minutes: atOnce("You agreed to meet on Friday."),
        groceries: atOnce("Milk and bread."),
        "see?": atOnce("A single dot."),
        milk: atOnce("I will remind you."),
        "cannot be read": atOnce("I cannot see films."),
        "a table": {
          toolCalls: [{ name: "send_file", args: { name: "../costs.csv", content: "item;price\nmilk;1\n" } }],
        },
      }),
    );
    const ask = async (text: string, given: NonNullable<Said["files"]>[number], answer: string) => {
      write(voice, { text, files: [given] });
      await shows(voice, answer);
    };
    await ask(
      "what about this?",
      { name: "a.pdf", mimetype: "application/pdf", bytes: pdf("The contract runs until March.") },
      "It runs until **March**.",
    );
    expect(turnOf(model.requests.at(-1)!)).toContain(
      "[document, a.pdf, application/pdf:]\n> The contract runs until March.",
    );
    await ask(
      "and this?",
      { name: "b.docx", mimetype: DOCX, bytes: docx("The minutes: Friday.") },
      "You agreed to meet on Friday.",
    );
    await ask("and that?", { name: "list.txt", bytes: Buffer.from("groceries") }, "Milk and bread.");
    await ask("see?", { name: "dot.jpg", ...PHOTO }, "A single dot.");
    expect(pictures(model.requests.at(-1)!)).toBe(1);
    const recordings = model.recordings.length;
    const recording = {
      name: "audio_message.m4a",
      mimetype: "audio/mp4",
      bytes: Buffer.from("\0\0\0\x18ftypM4A and so on"),
      fields: { subtype: "slack_audio" },
    };
    await ask("", recording, "I will remind you.");
    expect(model.recordings).toHaveLength(recordings + 1);
    await ask(
      "watch",
      { name: "film.mp4", mimetype: "video/mp4", bytes: Buffer.from("film") },
      "⚠️ `film.mp4`: this kind of file cannot be read here.\n\nI cannot see films.",
    );
    model.script((request) => (request.messages.at(-1)?.role === "tool" ? atOnce("There it is, a table.") : undefined));
    write(voice, { text: "a table please" });
    await shows(voice, "There it is, a table.");
    await voice.until(() => slack.transcript(voice.channel).some((line) => line.includes("[file: costs.csv]")), 30_000);
    const lines = asRead(slack.transcript(voice.channel)).replaceAll(voice.name, "Ann");
    await expect(lines).toMatchFileSnapshot(file(`slack-files-${where}`));
  });
});
