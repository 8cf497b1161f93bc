import * as fc from "fast-check";
import { expect, it } from "vitest";
import { readSse, type SseEvent } from "../../src/cli/read-sse.ts";

async function readAll(chunks: Iterable<Uint8Array>): Promise<SseEvent[]> {
  async function* bytes(): AsyncIterable<Uint8Array> {
    yield* chunks;
  }
  const events: SseEvent[] = [];
  for await (const event of readSse(bytes())) events.push(event);
  return events;
}

const of = (text: string): Promise<SseEvent[]> => readAll([Buffer.from(text)]);

it("reads names, ids and data, and leaves comments and unknown fields", async () => {
  expect(
    await of('retry: 1000\n\n:\n\nid: 1.2.3 run_x@1.4\nevent: text.delta\ndata: {"text":"hi"}\nfoo: bar\n\ndata:x\n\n'),
  ).toEqual([
    { id: "1.2.3 run_x@1.4", event: "text.delta", data: '{"text":"hi"}' },
    { id: "1.2.3 run_x@1.4", event: "message", data: "x" },
  ]);
});

it("joins lines of data, and takes other ends of lines", async () => {
  expect(await of("id: 1\r\ndata: a\r\ndata: b\r\n\r\n")).toEqual([{ id: "1", event: "message", data: "a\nb" }]);
});

it("drops what is not whole when the bytes end", async () => {
  expect(await of("id: 1\ndata: a\n\nid: 2\ndata: b\n")).toEqual([{ id: "1", event: "message", data: "a" }]);
});

it("reads the same whatever the bytes are cut into", async () => {
  const event = fc.record({
    id: fc.stringMatching(/^\d{1,5}$/),
    event: fc.constantFrom("message", "text.delta"),
    data: fc.string({ unit: "grapheme" }).map((text) => JSON.stringify({ text })),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(event),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      async (events, cuts) => {
        const bytes = Buffer.from(
          events.map(({ id, event: name, data }) => `id: ${id}\nevent: ${name}\ndata: ${data}\n\n`).join(""),
        );
        const chunks: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = cuts[n % cuts.length]!;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        expect(await readAll(chunks)).toEqual(events);
      },
    ),
  );
});
