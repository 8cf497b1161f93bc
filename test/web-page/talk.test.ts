import { describe, expect, it } from "vitest";
import {
  addOlder,
  EMPTY_TALK,
  isBusy,
  keepWaiting,
  readEvent,
  recordThoughts,
  type Talk,
} from "../../web/chat/talk.ts";
import { type Row, rowsOf, type Sending } from "../../web/chat/talk-rows.ts";
import type { WireMessage, WirePart } from "../../web/chat/wire.ts";

type Said = [event: string, data: object];

const RUN = "run_1";
let count = 0;

function message(seq: number | null, role: string, text: string, more: Partial<WireMessage> = {}): WireMessage {
  return {
    seq,
    message_id: `msg_${seq ?? text}`,
    run_id: seq === null ? null : RUN,
    agent: "helper",
    trace_id: null,
    role,
    text,
    parts: [{ type: "text", text }],
    status: seq === null ? "accepted" : "complete",
    author: null,
    created_at: "2026-01-01T10:00:00.000Z",
    ...more,
  };
}

function event(n: number, type: string, more: object = {}, attempt = 1, run = RUN): Said {
  return [type, { run_id: run, attempt, n, at: "2026-01-01T10:00:01.000Z", ...more }];
}

function read(events: Said[], talk: Talk = EMPTY_TALK): Talk {
  return events.reduce(
    (now, [name, data]) => readEvent(now, { id: `c${++count}`, event: name, data: data as Record<string, unknown> }),
    talk,
  );
}

/** The page in words. */
function shown(talk: Talk, sending: readonly Sending[] = []): string[] {
  return rowsOf(talk, sending).flatMap((row: Row) => {
    if (row.kind === "day") return [];
    if (row.kind === "user") return [`${row.state === "waiting" ? "(waits) " : ""}you: ${row.message.text}`];
    if (row.kind === "sending") return [`(sending) you: ${row.sending.text}`];
    if (row.kind === "soon") return ["…"];
    const blocks = row.blocks.map((block) => {
      if (block.kind === "text") return block.text;
      if (block.kind === "tool") return `[${block.tool} ${block.state}]`;
      if (block.kind === "thought") return `(${block.step}: ${block.text} ${block.ms})`;
      return block.kind === "approval" ? `[may ${block.tool}? ${block.decision ?? ""}]` : `[${block.kind}]`;
    });
    const end = row.end === null || row.end.type === "completed" ? "" : ` <${row.end.type} ${row.end.reason}>`;
    return [`${row.agent}: ${blocks.join(" | ")}${row.live ? "▌" : ""}${end}`];
  });
}

const ASKED: Said = ["accepted", message(null, "user", "hello")];
const STARTED = event(1, "run.started", { agent: "helper" });
const STORED: Said[] = [
  ["message", message(1, "user", "hello", { message_id: "msg_hello" })],
  ["message", message(2, "assistant", "Hi there")],
];

describe("what a talk looks like while it goes on", () => {
  it("a message, its answer as it grows, and the same as history", () => {
    let talk = read([ASKED]);
    expect(shown(talk)).toEqual(["you: hello", "…"]);
    talk = read([STARTED, event(2, "text.delta", { text: "Hi" })], talk);
    expect(shown(talk)).toEqual(["you: hello", "helper: Hi▌"]);
    talk = read([event(3, "text.delta", { text: " there" }), event(4, "run.completed", { stop_reason: "stop" })], talk);
    expect(shown(talk)).toEqual(["you: hello", "helper: Hi there"]);
    talk = read(STORED, talk);
    expect(shown(talk)).toEqual(["you: hello", "helper: Hi there"]);
    expect(isBusy(talk)).toBe(false);
  });

  it("an answer keeps its row when it becomes history", () => {
    const live = read([ASKED, STARTED, event(2, "text.delta", { text: "Hi" })]);
    const keys = (talk: Talk) => rowsOf(talk, []).map(({ key }) => key);
    expect(keys(read([event(3, "run.completed"), ...STORED], live))).toEqual(keys(live));
  });

  it("what comes twice changes nothing, wherever the stream was cut", () => {
    const events: Said[] = [
      ASKED,
      STARTED,
      event(2, "text.delta", { text: "Hi" }),
      event(3, "tool.started", { call_id: "c1", tool: "look", args: "{}" }),
      event(4, "tool.finished", { call_id: "c1", tool: "look", ok: true, ms: 5, text: "seen" }),
      event(5, "message.completed", { message: { role: "assistant" } }),
      event(6, "text.delta", { text: "Done" }),
      event(7, "run.completed", { stop_reason: "stop" }),
      ...STORED,
    ];
    // While it is live as well: history in its place would hide what doubled.
    for (const all of [events.slice(0, 7), events]) {
      const once = shown(read(all));
      for (let cut = 0; cut <= all.length; cut++) {
        for (let back = 0; back <= cut; back++) {
          expect(shown(read([...all.slice(0, cut), ...all.slice(back)])), `${cut}, ${back}`).toEqual(once);
        }
      }
    }
  });

  it("thoughts grow before what they lead to, stay when the run is history, and come from the log after a reload", () => {
    const think = (n: number, step: number, text: string, ms: number, attempt = 1) =>
      event(n, "reasoning.delta", { step, text, ms }, attempt);
    const first = { role: "assistant", text: "One", parts: [{ type: "text", text: "One" }], status: "complete" };
    let talk = read([ASKED, STARTED, think(2, 1, "Hm", 100), think(3, 1, " yes", 900)]);
    expect(shown(talk)).toEqual(["you: hello", "helper: (1: Hm yes 900)▌"]);
    talk = read([event(4, "text.delta", { text: "One" }), event(5, "message.completed", { message: first })], talk);
    talk = read([think(6, 2, "lost", 50), event(1, "run.restarted", { agent: "helper", kept: [first] }, 2)], talk);
    expect(shown(talk)).toEqual(["you: hello", "helper: (1: Hm yes 900) | One▌"]);
    talk = read([think(2, 2, "So", 70, 2), event(3, "text.delta", { text: "Two" }, 2)], talk);
    const messages: Said[] = [
      ["message", message(1, "user", "hello", { message_id: "msg_hello" })],
      ["message", message(2, "assistant", "One")],
      ["message", message(3, "assistant", "Two")],
    ];
    const whole = ["you: hello", "helper: (1: Hm yes 900) | One | (2: So 70) | Two"];
    expect(shown(read([event(4, "run.completed", { stop_reason: "stop" }, 2), ...messages], talk))).toEqual(whole);
    const later = read(messages);
    expect(shown(later)).toEqual(["you: hello", "helper: One | Two"]);
    const kept = [
      { run_id: RUN, step: 1, text: "Hm yes", ms: 900 },
      { run_id: RUN, step: 2, text: "So", ms: 70 },
    ];
    expect(shown(recordThoughts(later, kept))).toEqual(whole);
  });

  it("another attempt keeps what was finished and says the rest anew", () => {
    const begun = [ASKED, STARTED, event(2, "text.delta", { text: "Half an ans" })];
    const kept = [{ role: "assistant", text: "First.", parts: [{ type: "text", text: "First." }], status: "complete" }];
    const talk = read([
      ...begun,
      event(1, "run.restarted", { agent: "helper", kept, inFlight: [] }, 2),
      event(3, "text.delta", { text: "of the dead attempt" }, 1),
      event(2, "text.delta", { text: "Whole" }, 2),
    ]);
    expect(shown(talk)).toEqual(["you: hello", "helper: First. | Whole▌"]);
  });

  it("a second message waits below, joins where it is read, and is withdrawn by a stop", () => {
    const later = { created_at: "2026-01-01T10:00:05.000Z" };
    const second: Said = ["accepted", message(null, "user", "and now?", later)];
    const talk = read([ASKED, STARTED, event(2, "text.delta", { text: "Hi" }), second]);
    expect(shown(talk)).toEqual(["you: hello", "helper: Hi▌", "(waits) you: and now?"]);
    const joined = read(
      [
        event(3, "message.completed", { message: { role: "user" }, messageId: "msg_and now?" }),
        event(4, "text.delta", { text: "Now." }),
      ],
      talk,
    );
    expect(shown(joined)).toEqual(["you: hello", "helper: Hi▌", "you: and now?", "helper: Now.▌"]);
    expect(shown(keepWaiting(talk, new Set(["msg_hello"]), talk.accepted))).toEqual(["you: hello", "helper: Hi▌"]);
  });

  it("a failed run says so once it is history, too", () => {
    const failed = event(2, "run.failed", { code: "busy", message: "The model is busy." });
    const talk = read([ASKED, STARTED, failed]);
    expect(shown(talk)).toEqual(["you: hello", "helper:  <failed busy>"]);
    expect(shown(read(STORED.slice(0, 1), talk))).toEqual(["you: hello", "helper:  <failed busy>"]);
  });

  it("an approval is asked for and resolved in its place", () => {
    const asked = event(2, "approval.requested", { approval: "apr_1", call_id: "c1", tool: "pay", args: "{}" });
    const talk = read([ASKED, STARTED, asked]);
    expect(shown(talk)).toEqual(["you: hello", "helper: [may pay? ]▌"]);
    const resolved = event(3, "approval.resolved", { approval: "apr_1", decision: "approved" });
    expect(shown(read([resolved], talk))).toEqual(["you: hello", "helper: [may pay? approved]▌"]);
  });
});

describe("the history", () => {
  it("calls of tools stand with their results, one answer to a run", () => {
    const call: WirePart[] = [{ type: "tool_call", call_id: "c1", tool: "look", args: "{}" }];
    const result: WirePart[] = [{ type: "tool_result", call_id: "c1", ok: false, text: "no" }];
    const talk = read([
      ["message", message(1, "user", "hello")],
      ["message", message(2, "assistant", "", { parts: call })],
      ["message", message(3, "tool", "", { parts: result })],
      ["message", message(4, "assistant", "It is not there.")],
      ["message", message(5, "user", "thanks", { run_id: "run_2" })],
    ]);
    expect(shown(talk)).toEqual(["you: hello", "helper: [look failed] | It is not there.", "you: thanks"]);
  });

  it("older pages go before it, without what is there already", () => {
    const talk = read([["message", message(3, "user", "three")]]);
    const page = [message(1, "user", "one"), message(2, "user", "two"), message(3, "user", "three")];
    expect(shown(addOlder(talk, page, false))).toEqual(["you: one", "you: two", "you: three"]);
  });
});

describe("a message on its way", () => {
  const sending: Sending = {
    key: "k",
    messageId: null,
    text: "hello",
    files: [],
    at: "2026-01-01T09:59:59.000Z",
    refused: null,
    late: false,
  };

  it("stands there once, whichever of its event and its receipt comes first", () => {
    expect(shown(EMPTY_TALK, [sending])).toEqual(["(sending) you: hello"]);
    expect(shown(read([ASKED]), [sending])).toEqual(["you: hello", "…"]);
    expect(shown(EMPTY_TALK, [{ ...sending, messageId: "msg_hello" }])).toEqual(["(sending) you: hello"]);
    expect(shown(read([ASKED]), [{ ...sending, messageId: "msg_hello" }])).toEqual(["you: hello", "…"]);
    expect(shown(read([ASKED, ...STORED]), [{ ...sending, messageId: "msg_hello" }])).toEqual([
      "you: hello",
      "helper: Hi there",
    ]);
  });
});
