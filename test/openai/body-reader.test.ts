import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { BodyReader, JsonBodyReader } from "../../adapters/openai/body-reader.ts";

test("a read gives all that came since the last one, and null at the end", async () => {
  const body = new PassThrough();
  const reader = new BodyReader(body);
  body.write("a");
  body.write("b");
  expect(String(await reader.read())).toBe("ab");
  const waiting = reader.read();
  body.end("c");
  expect(String(await waiting)).toBe("c");
  expect(await reader.read()).toBeNull();
});

test("a body that closes before its end rejects the read that waits, with or without an error", async () => {
  for (const error of [undefined, new Error("reset")]) {
    const body = new PassThrough();
    const waiting = new BodyReader(body).read();
    body.destroy(error);
    await expect(waiting).rejects.toThrow(error ? "reset" : "connection closed");
  }
});

test("a released body is read to its end, or closed when it does not come", async () => {
  const ended = new PassThrough();
  ended.end("rest");
  await new BodyReader(ended).release(10_000);
  expect(ended.readableEnded).toBe(true);

  const endless = new PassThrough();
  await new BodyReader(endless).release(10);
  expect(endless.destroyed).toBe(true);
});

test("a JSON body that is too long is closed, and read no further", async () => {
  const body = new PassThrough();
  const reader = new JsonBodyReader(body);
  const waiting = reader.read();
  const megabyte = Buffer.alloc(1024 * 1024, 0x20);
  const flood = setInterval(() => body.write(megabyte), 0);
  await expect(waiting).rejects.toThrow("answer too long");
  await reader.release(10_000);
  clearInterval(flood);
  expect(body.destroyed).toBe(true);
});

test("a JSON body becomes one event, however it was cut and wrapped", async () => {
  const body = new PassThrough();
  const reader = new JsonBodyReader(body);
  const waiting = reader.read();
  for (const piece of ['{\r\n"a":', "\n1}", "\n"]) body.write(piece);
  body.end();
  expect(String(await waiting)).toBe('data: { "a": 1} \n\n');
  expect(await reader.read()).toBeNull();
});
