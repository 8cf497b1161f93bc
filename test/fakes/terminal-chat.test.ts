import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { FakeChat } from "./telegram/chats.ts";
import { chatLines } from "./telegram/transcript.ts";
import { rowsOf, TerminalChat } from "./terminal-chat.ts";

function open(columns: number | null): { chat: FakeChat; view: TerminalChat; written: () => string } {
  const user = { id: 1, name: "ann" };
  let id = 0;
  const chat = new FakeChat(0, 1, { title: "ann", forum: false, user, ids: { next: () => ++id } });
  let output = "";
  const screen = {
    columns,
    write: (text: string): void => {
      output += text;
    },
  };
  return {
    chat,
    view: new TerminalChat(
      () => chatLines(chat),
      screen,
      () => screen.write("> "),
    ),
    written: () => output,
  };
}

test("a terminal shows the bot's last message growing in place", () => {
  const { chat, view, written } = open(10);
  chat.post({ author: { id: 1, name: "ann" }, at: 0, text: "hi" });
  view.draw();
  const message = chat.post({ author: "bot", at: 0, text: "Hello" });
  view.draw();
  chat.edit(message, 1, { text: "Hello there", entities: [] });
  view.draw();
  chat.edit(message, 2, { text: "Hello there, ann", entities: [] });
  view.draw();
  // "bot#1: Hello" takes two rows of ten columns, as does "bot#1: Hello there".
  expect(written().match(/\u001b\[\d+A/g)).toEqual(["\u001b[2A", "\u001b[2A"]);
  expect(stripVTControlCharacters(written()).replaceAll("\r", "").split("\n")).toEqual([
    "ann: hi",
    "> bot#1: Hello",
    "> bot#1: Hello there",
    "> bot#1: Hello there, ann",
    "> ",
  ]);
});

test("a message that something else was written under is not drawn over", () => {
  const { chat, view, written } = open(80);
  const message = chat.post({ author: "bot", at: 0, text: "a" });
  view.draw();
  view.disturbed();
  chat.edit(message, 1, { text: "ab", entities: [] });
  view.draw();
  expect(stripVTControlCharacters(written())).toContain("bot#1~ ab\n> ");
  expect(written()).not.toContain("A\r");
});

test("without a terminal, and for older messages, every edit is a line", () => {
  const { chat, view, written } = open(null);
  const message = chat.post({ author: "bot", at: 0, text: "a" });
  view.draw();
  chat.edit(message, 1, { text: "ab", entities: [] });
  view.draw();
  expect(written()).toBe("bot#1: a\n> bot#1~ ab\n> ");

  const wide = open(80);
  const first = wide.chat.post({ author: "bot", at: 0, text: "a" });
  wide.chat.post({ author: "bot", at: 0, text: "b" });
  wide.chat.edit(first, 1, { text: "ab", entities: [] });
  wide.view.draw();
  expect(stripVTControlCharacters(wide.written())).toBe("\rbot#1: a\nbot#2: b\nbot#1~ ab\n> ");
});

test.each([
  ["", 1],
  ["1234567890", 1],
  ["12345678901", 2],
  ["a\nb\n", 3],
  ["日本語日本語", 2],
])("%j takes %i rows of ten columns", (text, rows) => {
  expect(rowsOf(text, 10)).toBe(rows);
});
