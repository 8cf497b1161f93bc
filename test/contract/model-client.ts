import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ModelClient, ModelEvent, ModelRequest } from "../../src/agent/model-client.ts";
import { userMessage } from "../../src/agent/message.ts";

/** A client with something to talk to. Its answer to `request` comes as several text events over some time. */
export interface ModelSubject {
  model: ModelClient;
  request: ModelRequest;
  /** The whole answer to it. */
  text: string;
  /** Requests that the client still holds open (at the other side, where there is one). */
  open(): number;
  close(): Promise<void>;
}

/** A request with one user message and no tools. */
export function modelRequest(text: string, changes: Partial<ModelRequest> = {}): ModelRequest {
  return {
    model: null,
    instruction: "Be kind.",
    messages: [userMessage(text)],
    tools: [],
    sampling: {},
    firstTokenMs: 10_000,
    idleMs: 10_000,
    ...changes,
  };
}

export async function collect(stream: AsyncIterable<ModelEvent>): Promise<ModelEvent[]> {
  const events: ModelEvent[] = [];
  for await (const event of stream) events.push(event);
  return events;
}

export function textOfEvents(events: readonly ModelEvent[]): string {
  return events.map((event) => (event.type === "text" ? event.text : "")).join("");
}

/**
 * What every ModelClient promises; see the port. `make` is called for each test. `breakDown` makes the other side fail
 * from then on; it is left out where nothing can fail.
 */
export function modelClientContract<S extends ModelSubject>(
  name: string,
  make: () => Promise<S>,
  breakDown?: (subject: S) => void,
): void {
  describe(`${name} keeps the contract of a model client`, () => {
    let subject: S;
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(() => subject.close());

    test("its texts join to the whole answer and the last event alone is final", async () => {
      const events = await collect(subject.model.stream(subject.request, live()));
      expect(textOfEvents(events)).toBe(subject.text);
      expect(events.filter(({ type }) => type === "text").length).toBeGreaterThan(1);
      expectOneFinal(events);
      expect(events.at(-1)).toMatchObject({ type: "finished", reason: "stop" });
      await expectNoneOpen(subject);
    });

    test("it changes nothing in the request", async () => {
      const request = deepFreeze(structuredClone(subject.request));
      const events = await collect(subject.model.stream(request, live()));
      expect(textOfEvents(events)).toBe(subject.text);
    });

    test("an abort in the middle is the last event and closes the connection", async () => {
      const controller = new AbortController();
      const events: ModelEvent[] = [];
      for await (const event of subject.model.stream(subject.request, controller.signal)) {
        events.push(event);
        controller.abort();
      }
      expectOneFinal(events);
      expect(events.at(-1)).toMatchObject({ type: "failed", failure: { kind: "aborted" } });
      expect(textOfEvents(events).length).toBeLessThan(subject.text.length);
      expect(subject.text.startsWith(textOfEvents(events))).toBe(true);
      await expectNoneOpen(subject);
    });

    test("an abort after the last event adds none", async () => {
      const controller = new AbortController();
      const events: ModelEvent[] = [];
      for await (const event of subject.model.stream(subject.request, controller.signal)) {
        events.push(event);
        if (event.type === "finished") controller.abort();
      }
      expectOneFinal(events);
      await expectNoneOpen(subject);
    });

    test("an abort from before the start is the only event", async () => {
      const events = await collect(subject.model.stream(subject.request, AbortSignal.abort()));
      expect(events).toMatchObject([{ type: "failed", failure: { kind: "aborted" } }]);
      await expectNoneOpen(subject);
    });

    test("a consumer that stops early closes the connection", async () => {
      for await (const event of subject.model.stream(subject.request, live())) {
        if (event.type === "text") break;
      }
      await expectNoneOpen(subject);
    });

    test("a consumer that never starts holds nothing open", async () => {
      const iterator = subject.model.stream(subject.request, live())[Symbol.asyncIterator]();
      await iterator.return?.();
      expect(subject.open()).toBe(0);
    });

    test("streams at the same time do not mix", async () => {
      const all = await Promise.all(
        Array.from({ length: 3 }, () => collect(subject.model.stream(subject.request, live()))),
      );
      expect(all.map(textOfEvents)).toEqual(all.map(() => subject.text));
    });

    if (!breakDown) return;
    test("a failure of the other side is the last event and is not thrown", async () => {
      breakDown(subject);
      const events = await collect(subject.model.stream(subject.request, live()));
      expectOneFinal(events);
      const last = events.at(-1);
      expect(last?.type).toBe("failed");
      expect(last?.type === "failed" && last.failure.message).toMatch(/^[A-Z].*\.$/);
      await expectNoneOpen(subject);
    });
  });
}

export function expectOneFinal(events: readonly ModelEvent[]): void {
  const finals = events.filter(({ type }) => type === "finished" || type === "failed");
  expect(finals).toHaveLength(1);
  expect(events.at(-1)).toBe(finals[0]);
}

function live(): AbortSignal {
  return new AbortController().signal;
}

async function expectNoneOpen(subject: ModelSubject): Promise<void> {
  await expect.poll(() => subject.open(), { timeout: 5000, interval: 5 }).toBe(0);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
