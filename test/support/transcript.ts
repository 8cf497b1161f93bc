import path from "node:path";
import { LANGUAGES } from "../../src/texts/texts.ts";
import type { Script } from "../fakes/model/script.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeChat } from "../fakes/telegram/chats.ts";
import { type Scene, turnOf } from "./e2e.ts";

/*
 * What people see, as files to be read. Models here speak in one piece, or in two with a pause between them, so that
 * the first text and the whole one are always the same.
 */
const PAUSE_MS = 2_500;

/** Says the first words, long enough to be shown at once, and the rest, which is no longer, after a pause. */
export function inTwo(first: string, rest: string, pauseMs = PAUSE_MS): Script {
  if (first.length < 24 || rest.length > first.length) throw new Error("the first part is too short");
  return { text: first + rest, chunkChars: first.length, chunkEveryMs: pauseMs };
}

/** Says the first words, and nothing more while the test lasts. */
export function hangingAfter(first: string): Script {
  return { text: `${first} and so on`, chunkChars: first.length, chunkEveryMs: 600_000 };
}

export function atOnce(text: string): Script {
  return { text, chunkChars: 1_000 };
}

/**
 * The lines of a chat, without what differs from run to run. What the bot did between two lines of people stands in the
 * order of its messages, since an edit and a post do not wait for each other.
 */
export function asRead(lines: string[]): string {
  const groups: string[][] = [];
  for (const line of settled(lines)) {
    const group = groups.at(-1);
    if (group && isBot(line) && isBot(group[0]!)) group.push(line);
    else groups.push([line]);
  }
  return masked(groups.flatMap((group) => group.toSorted((a, b) => botNumber(a) - botNumber(b))));
}

const BUTTONS = Object.values(LANGUAGES).map(({ stopButton }) => `\n    [${stopButton}]`);
const LABELS = Object.values(LANGUAGES).map(({ goodAnswer, badAnswer }) => `\\[${goodAnswer}\\] \\[${badAnswer}\\]`);
/** A text, and the thumbs under it. */
const THUMBS = new RegExp(`^([^]*?)(\n    (?:\\[👍\\] \\[👎\\]|${LABELS.join("|")}))?$`);
const BOT_LINE = /^((?:\[\d+\] )?bot#\d+)[:~] ([^]*)$/;

/** Whether an answer that comes in one piece was ever seen with its button is chance: it is left out there. */
function settled(lines: string[]): string[] {
  const kept: string[] = [];
  for (const line of lines) {
    const [, who, text] = BOT_LINE.exec(line) ?? [];
    const before = kept.findLastIndex((each) => who !== undefined && BOT_LINE.exec(each)?.[1] === who);
    const shown = BOT_LINE.exec(kept[before] ?? "")?.[2];
    const [, said, thumbs = ""] = THUMBS.exec(text ?? "") ?? [];
    const button = BUTTONS.find((each) => shown === `${said}${each}`);
    if (button) kept[before] = kept[before]!.slice(0, -button.length) + thumbs;
    else kept.push(line);
  }
  return kept;
}

/** What the model says to turns in which these words are the last ones; for `FakeModel.script`. */
export function saying(script: Record<string, Script>): (request: JournalEntry) => Script | undefined {
  return (request) => {
    const places = Object.keys(script).map((words) => ({ words, at: turnOf(request).lastIndexOf(words) }));
    const last = places.toSorted((a, b) => b.at - a.at)[0];
    return last && last.at >= 0 ? script[last.words] : undefined;
  };
}

function masked(lines: string[]): string {
  return `${lines
    .join("\n")
    .replaceAll(/\b[2-9A-HJKMNP-TW-Z]{8}\b/g, "<code>")
    .replaceAll(/\brun_[0-9a-f]{4}\b/g, "<run>")
    .replaceAll(/\b\d{4}-\d\d-\d\d\b/g, "<date>")
    .replaceAll(/ +$/gm, "")}\n`;
}

/** A chat with only what stands there in the end. */
export function chatInTheEnd(scene: Scene, chat: FakeChat): string {
  const texts = scene.telegram.messages(chat).values();
  const lines = scene.telegram.transcript(chat).filter((line) => !/^bot#\d+~/.test(line));
  return masked(
    lines.map((line) => `${/^[^:]*: /.exec(line)?.[0]}${texts.next().value?.text.replaceAll("\n", "\n    ")}`),
  );
}

const BOT = /^(?:\[\d+\] )?bot#(\d+)/;
const isBot = (line: string) => BOT.test(line);
const botNumber = (line: string) => Number(BOT.exec(line)?.[1]);

export function file(name: string): string {
  return path.join(import.meta.dirname, "..", "transcripts", `${name}.txt`);
}
