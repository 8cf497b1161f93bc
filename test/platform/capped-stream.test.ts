import { expect, test } from "vitest";
import { cappedStream } from "../../src/platform/capped-stream.ts";

const never = new AbortController().signal;

async function read(body: AsyncIterable<Uint8Array>, signal = never): Promise<number> {
  let size = 0;
  for await (const chunk of cappedStream(body, { bytes: 10, signal, broken: "It did not arrive." }))
    size += chunk.length;
  return size;
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(4);
  throw new Error("https://example.org/file/bot123:secret/a.txt");
}

test("what fits comes whole, and what does not is left as soon as that is known", async () => {
  let asked = 0;
  let left = false;
  async function* chunks(most: number): AsyncGenerator<Uint8Array> {
    try {
      for (; asked < most; asked += 1) yield new Uint8Array(5);
    } finally {
      left = true;
    }
  }
  expect(await read(chunks(2))).toBe(10);
  [asked, left] = [0, false];
  await expect(read(chunks(1000))).rejects.toMatchObject({ code: "too_large" });
  expect({ asked, left }).toEqual({ asked: 2, left: true });
});

test("an end on the way says nothing of where the file lay", async () => {
  const failure: unknown = await read(broken()).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "unavailable", message: "It did not arrive." });
  expect((failure as Error).cause).toBeUndefined();
  await expect(read(broken(), AbortSignal.abort())).rejects.toMatchObject({ code: "cancelled" });
});
