import { describe, expect, it } from "vitest";
import type { ApiEvent } from "../../src/cli/api-client.ts";
import { plainScreen, type Screen, terminalScreen } from "../../src/cli/screen.ts";
import { SessionView } from "../../src/cli/session-view.ts";

/** A screen that keeps what a person sees, one line each. */
function paper(): { screen: Screen; text: () => string } {
  let text = "";
  const screen = terminalScreen(
    (piece) => (text += piece.replaceAll("\r\u001b[K", "")),
    () => undefined,
  );
  return { screen, text: () => text };
}

function show(view: SessionView, ...events: [string, Partial<ApiEvent["data"]>?][]): void {
  for (const [event, data] of events) view.show({ id: "1", event, data: { agent: "demo", run_id: "run_1", ...data } });
}

const never = new AbortController().signal;

describe("a session on the terminal", () => {
  it("shows the past, what others say, and answers as they grow", () => {
    const { screen, text } = paper();
    const view = new SessionView(screen);
    show(
      view,
      ["message", { run_id: "run_0", role: "user", text: "earlier" }],
      ["message", { run_id: "run_0", role: "assistant", text: "I see." }],
      ["message", { run_id: "run_0", role: "tool", text: "" }],
      ["accepted", { message_id: "msg_1", text: "hello" }],
      ["run.started"],
      ["step.started"],
      ["text.delta", { text: "Let me " }],
      ["text.delta", { text: "look." }],
      ["message.completed"],
      ["tool.started", { tool: "current_time", args: '{"timeZone":\n"UTC"}' }],
      ["tool.finished", { tool: "current_time", ok: true, text: "noon" }],
      ["tool.started", { tool: "fail", args: "{}" }],
      ["tool.finished", { tool: "fail", ok: false, text: "no such thing" }],
      ["notice", { text: "the history was shortened" }],
      ["text.delta", { text: "It is noon." }],
      ["message.completed"],
      ["run.completed", { stop_reason: "stop" }],
      ["message", { role: "user", text: "hello" }],
      ["message", { role: "assistant", text: "Let me look." }],
      ["message", { role: "assistant", text: "It is noon." }],
      ["something.new", {}],
    );
    expect(text().split("\n")).toEqual([
      "you: earlier",
      "demo: I see.",
      "you: hello",
      "demo: Let me look.",
      '[current_time {"timeZone": "UTC"}]',
      "[fail {}]",
      "[fail failed: no such thing]",
      "(the history was shortened)",
      "demo: It is noon.",
      "",
    ]);
    expect(view.busy).toBe(false);
  });

  it("does not repeat what was typed here, even if the gateway is faster than its answer", () => {
    const { screen, text } = paper();
    const view = new SessionView(screen);
    view.typed("hello");
    expect(view.busy).toBe(true);
    show(
      view,
      ["accepted", { message_id: "msg_1", text: "hello" }],
      ["accepted", { message_id: "msg_2", text: "hello" }],
    );
    expect(text()).toBe("you: hello\n");
  });

  it("says that an answer starts over after a restart, and shows what was kept", () => {
    const { screen, text } = paper();
    const view = new SessionView(screen);
    show(
      view,
      ["run.started"],
      ["text.delta", { text: "First part." }],
      ["message.completed"],
      ["text.delta", { text: "Half of the se" }],
      [
        "run.restarted",
        {
          kept: [
            { role: "assistant", text: "First part." },
            { role: "tool", text: "" },
          ],
        },
      ],
      ["text.delta", { text: "The second." }],
      ["run.completed", { stop_reason: "stop" }],
    );
    expect(text().split("\n")).toEqual([
      "demo: First part.",
      "demo: Half of the se",
      "(the gateway was restarted; the answer starts over)",
      "demo: First part.",
      "demo: The second.",
      "",
    ]);
  });

  it.each([
    ["run.completed", { stop_reason: "length" }, "(the answer was cut off: it became too long)"],
    ["run.failed", { message: "The model does not answer." }, "! The model does not answer."],
    ["run.cancelled", { by: "stop" }, "(stopped)"],
    ["run.cancelled", { by: "interrupt" }, "(interrupted)"],
    ["run.cancelled", { by: "place_gone" }, "(ended: place_gone)"],
  ])("says how an answer ended: %s %j", (event, data, line) => {
    const { screen, text } = paper();
    const view = new SessionView(screen);
    show(view, ["run.started"], ["text.delta", { text: "Well" }], [event, data]);
    expect(text()).toBe(`demo: Well\n${line}\n`);
  });

  it("lets nothing that was written steer the terminal", () => {
    const { screen, text } = paper();
    const view = new SessionView(screen);
    show(view, ["run.started"], ["text.delta", { text: "a\u001b[2J\u0007b\u009b1mc\r\n\td" }], ["run.completed"]);
    show(view, ["accepted", { text: "x\u001b]0;title\u0007y" }]);
    expect(text()).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(text()).toContain("demo: a[2Jb1mc\n\td");
  });
});

describe("an answer that is waited for", () => {
  it("is the end of the run that took the message, not of one before", async () => {
    const view = new SessionView(paper().screen);
    show(view, ["run.started", { run_id: "run_0" }], ["text.delta", { run_id: "run_0", text: "old" }]);
    show(view, ["accepted", { message_id: "msg_1", text: "new" }]);
    let over = false;
    const answered = view.answered("msg_1", never).then(() => (over = true));
    show(view, ["run.cancelled", { run_id: "run_0", by: "interrupt" }], ["run.started"]);
    await Promise.resolve();
    expect(over).toBe(false);
    show(view, ["run.completed", { stop_reason: "stop" }]);
    await answered;
  });

  it("comes from the next run when its own was interrupted before it had shown anything", async () => {
    const view = new SessionView(paper().screen);
    show(view, ["accepted", { message_id: "msg_1", text: "a" }], ["run.started"]);
    show(view, ["accepted", { message_id: "msg_2", text: "b" }], ["run.cancelled", { by: "interrupt" }]);
    let over = false;
    const answered = view.answered("msg_1", never).then(() => (over = true));
    await Promise.resolve();
    expect(over).toBe(false);
    show(view, ["run.started", { run_id: "run_2" }], ["run.failed", { run_id: "run_2", message: "no" }]);
    await answered;
  });

  it("may have come already", async () => {
    const view = new SessionView(paper().screen);
    show(
      view,
      ["accepted", { message_id: "msg_1", text: "a" }],
      ["run.started"],
      ["run.completed", { stop_reason: "stop" }],
    );
    await view.answered("msg_1", never);
  });

  it("is given up with the abort", async () => {
    const view = new SessionView(paper().screen);
    const end = new AbortController();
    const answered = view.answered("msg_1", end.signal);
    end.abort();
    await answered;
  });
});

describe("a session in a script", () => {
  it("has answers alone on one side, and everything else on the other", () => {
    let out = "";
    let err = "";
    const screen = plainScreen(
      (piece) => (out += piece),
      (piece) => (err += piece),
    );
    const view = new SessionView(screen);
    view.typed("hello");
    show(
      view,
      ["accepted", { message_id: "msg_1", text: "hello" }],
      ["run.started"],
      ["text.delta", { text: "It " }],
      ["text.delta", { text: "is " }],
      ["tool.started", { tool: "t", args: "{}" }],
      ["text.delta", { text: "noon." }],
      ["run.completed", { stop_reason: "max_steps" }],
    );
    expect(out).toBe("It is noon.\n");
    expect(err).toBe("[t {}]\n(the answer was ended after too many steps)\n");
  });

  it("shows a call that asks with all its arguments, and whether it may have been done", () => {
    const { screen, text } = paper();
    const args = JSON.stringify({ text: "x".repeat(500), to: "ann" });
    const view = new SessionView(screen);
    show(
      view,
      ["run.started"],
      ["approval.requested", { tool: "send", args }],
      ["approval.resolved", { decision: "denied" }],
    );
    show(view, ["approval.requested", { tool: "send", args: "{}", again: true }]);
    expect(text()).toBe(
      `[may send be used? ${args} – /approve or /deny]\n[denied]\n` +
        "[send was under way, and may have been done. Do it again? {} – /approve or /deny]\n",
    );
  });
});
