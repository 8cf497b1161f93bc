import { describe, expect, test } from "vitest";
import { callTool, failWith, hold, scriptedModel, type ModelStep } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { hurriedClock } from "./manual-clock.ts";
import { card, cloneOf, protocol, runIt } from "./run-it.ts";

const NOTICE = "warning: The agent's model cannot be asked right now; another one answers.";

/** A run of an agent whose own model is `main.a`; its fallback is hotter. */
async function play(...steps: ModelStep[]) {
  const model = scriptedModel(...steps);
  const clock = hurriedClock();
  const fallback = { model: "other.b", sampling: { temperature: 1 } };
  const ofAgent = { ...card, model: "main.a", sampling: { temperature: 0, topP: 0.5 }, fallback };
  const tools = scriptedTools({ look: { answer: "noon" } });
  const events = await runIt(cloneOf({ card: ofAgent, model, tools }), { clock });
  const waits = clock.waits.filter((ms) => ms !== 15_000 && ms !== 300_000);
  return { lines: protocol(events), asked: model.requests.map((request) => request.model), waits, events, model };
}

describe("the fallback of an agent", () => {
  test("fault-30: answers when its model has failed three times, as it was set up", async () => {
    const trouble = failWith("retryable", { what: "trouble" });
    const { lines, asked, events, model } = await play(trouble, trouble, trouble, "Noon.");
    expect(lines).toEqual(["step 1", NOTICE, "“Noon.”", "assistant complete: Noon.", "completed: stop"]);
    expect(asked).toEqual(["main.a", "main.a", "main.a", "other.b"]);
    expect(events[1]).toMatchObject({ code: "model_fallback", from: "main.a", to: "other.b", why: "trouble" });
    expect(model.requests.at(-1)?.sampling).toEqual({ temperature: 1, topP: 0.5 });
  });

  test.each([
    ["rests", failWith("retryable", { resting: true, retryAfterMs: 1_000 })],
    ["asks for a long wait", failWith("retryable", { what: "busy", retryAfterMs: 30_000 })],
    ["asks for a very long wait", failWith("retryable", { what: "busy", retryAfterMs: 3_600_000 })],
    ["never began", failWith("first_token_timeout")],
    ["takes the key no more", failWith("refused", { what: "bad_key" })],
    ["wants money", failWith("refused", { what: "no_credit" })],
  ])("fault-30: answers at once when the provider %s", async (_why, failure) => {
    const { asked, waits, lines } = await play(failure, "Noon.");
    expect(asked).toEqual(["main.a", "other.b"]);
    expect(waits).toEqual([]);
    expect(lines.at(-1)).toBe("completed: stop");
  });

  test.each([
    ["was refused for what it says", failWith("refused", { what: "filtered" })],
    ["was refused as wrong", failWith("refused", { what: "bad_request" })],
    ["is too long", failWith("context_too_long", { what: "too_long" })],
  ])("is not asked when the request %s", async (_why, failure) => {
    const { asked } = await play(failure, "Noon.");
    expect(asked).toEqual(["main.a"]);
  });

  test("is not asked once a word was said", async () => {
    const { asked, lines } = await play(["It is", failWith("truncated")], "Noon.");
    expect(asked).toEqual(["main.a"]);
    expect(lines.at(-1)).toMatch(/^failed model_truncated/);
  });

  test("answers to the end of the run, is told of once, and has tries of its own", async () => {
    const rests = failWith("retryable", { resting: true });
    const late = failWith("retryable");
    const { asked, lines } = await play(rests, callTool("look"), late, "Noon.");
    expect(asked).toEqual(["main.a", "other.b", "other.b", "other.b"]);
    expect(lines.filter((line) => line === NOTICE)).toHaveLength(1);
    const { asked: all, lines: failed } = await play(rests, late, late, late, "never");
    expect(all).toEqual(["main.a", "other.b", "other.b", "other.b"]);
    expect(failed.at(-1)).toMatch(/^failed model_unavailable/);
  });

  test("does not keep a stopped run from ending", async () => {
    const pause = hold();
    const model = scriptedModel(failWith("retryable", { resting: true }), [pause, "Noon."]);
    const fallback = { model: "other.b", sampling: {} };
    const stop = new AbortController();
    const running = runIt(cloneOf({ card: { ...card, fallback }, model }), { signal: stop.signal });
    await pause.reached;
    stop.abort();
    pause.release();
    expect(protocol(await running).at(-1)).toMatch(/^cancelled/);
  });
});
