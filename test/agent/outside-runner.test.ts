import { expect, test } from "vitest";
import type { AgentModule, OutsideLimits } from "../../src/agent/outside-agent.ts";
import type { RunEvent } from "../../src/agent/run-event.ts";
import { expectWhole } from "../contract/agent-runner.ts";
import { scriptedModel } from "../fakes/scripted-model.ts";
import { signal as flag } from "../store/arrange.ts";
import { manualClock } from "./manual-clock.ts";
import { everyRunner, moduleCard, outsideClone } from "./outside-cards.ts";
import { cloneOf, protocol } from "./run-it.ts";

const settle = () => new Promise((resolve) => setImmediate(resolve));

function start(limits: Partial<OutsideLimits> = {}) {
  const clock = manualClock();
  const told: string[] = [];
  const onRest = (agent: string, resting: boolean) => void told.push(`${agent} ${resting ? "rests" : "is back"}`);
  const runner = everyRunner({ clock, onRest });
  /** Runs under way; `events` grows. */
  function run(module: AgentModule, name = "coder", by = new AbortController()) {
    const events: RunEvent[] = [];
    const clone = outsideClone({ ...moduleCard(module, limits), name });
    const done = (async () => {
      for await (const event of runner.run(clone, by.signal)) events.push(event);
      expectWhole(events);
      return protocol(events);
    })();
    return { events, done, stop: () => by.abort() };
  }
  return { clock, runner, run, told };
}

const says = (text: string): AgentModule =>
  async function* () {
    yield text;
  };
const breaks: AgentModule = async function* () {
  yield await Promise.reject(new Error("no"));
};

test("an agent of the native loop is run by it, without a turn to wait for", async () => {
  const { runner } = start();
  const events: RunEvent[] = [];
  for await (const event of runner.run(cloneOf({ model: scriptedModel("Hi.") }), new AbortController().signal))
    events.push(event);
  expect(protocol(events)).toEqual(["step 1", "“Hi.”", "assistant complete: Hi.", "completed: stop"]);
});

test("so many run at once; the next waits and is told so, one more is turned away", async () => {
  const { run } = start({ running: 1, waiting: 1 });
  const go = flag();
  const first = run(async function* () {
    await go.given;
    yield "first";
  });
  await settle();
  const second = run(says("second"));
  await settle();
  expect(protocol(second.events)).toEqual(["info: The agent is answering others."]);
  const third = await run(says("third")).done;
  expect(third.at(-1)).toBe("failed agent_busy: Too many are waiting for this agent. Please try again later.");
  const other = await run(says("other"), "another").done;
  expect(other.at(-1)).toBe("completed: stop");
  go.give();
  expect((await first.done).at(-1)).toBe("completed: stop");
  expect((await second.done).slice(-3)).toEqual(["“second”", "assistant complete: second", "completed: stop"]);
});

test("whoever waits can be stopped, and waits no longer than a run may take", async () => {
  const { clock, run } = start({ running: 1, totalMs: 1000, firstMs: 10_000 });
  const first = run(async function* () {
    await new Promise(() => {});
    yield "";
  });
  await settle();
  const stopped = run(says("no"));
  const late = run(says("no"));
  await settle();
  stopped.stop();
  expect((await stopped.done).at(-1)).toBe("cancelled");
  clock.advance(1000);
  expect((await late.done).at(-1)).toMatch(/^failed timeout/);
  expect((await first.done).at(-1)).toBe("failed timeout: This took too long and was ended.");
  expect(clock.sleeping).toBe(0);
});

test("an agent that fails three times rests, is looked at by one run, and comes back", async () => {
  const { clock, run, told } = start();
  for (let failure = 0; failure < 3; failure++) await run(breaks).done;
  const rests = "failed agent_rests: This agent does not answer at the moment. Please try again later.";
  expect(await run(says("hi")).done).toEqual([rests]);
  expect((await run(says("hi"), "another").done).at(-1)).toBe("completed: stop");
  clock.advance(10_000);
  const go = flag();
  const probe = run(async function* () {
    await go.given;
    yield "back";
  });
  await settle();
  expect(await run(says("hi")).done).toEqual([rests]);
  go.give();
  expect(told).toEqual(["coder rests"]);
  await probe.done;
  expect((await run(says("hi")).done).at(-1)).toBe("completed: stop");
  expect(told).toEqual(["coder rests", "coder is back"]);
});

test("the run that looks at an agent holds up the others until it begins to answer", async () => {
  const { clock, run } = start();
  for (let failure = 0; failure < 3; failure++) await run(breaks).done;
  clock.advance(10_000);
  const go = flag();
  const probe = run(async function* () {
    yield "a long";
    await go.given;
  });
  await settle();
  expect((await run(says("hi")).done).at(-1)).toBe("completed: stop");
  go.give();
  expect((await probe.done).at(-1)).toBe("completed: stop");
});

test("what a person stops says nothing of an agent's health", async () => {
  const { run } = start();
  for (let stop = 0; stop < 4; stop++) {
    const { done, stop: abort } = run(async function* () {
      yield "Hm";
      await new Promise(() => {});
    });
    await settle();
    abort();
    await done;
  }
  expect((await run(says("hi")).done).at(-1)).toBe("completed: stop");
});
