import { afterEach, beforeEach, expect, it } from "vitest";
import type { FilePart } from "../../src/agent/message.ts";
import { GatewayError } from "../../src/errors.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import { fetchFile } from "../../src/run/fetch-file.ts";

type Files = NonNullable<PlatformAdapter["files"]>;

const part: FilePart = { type: "file", kind: "document", name: "a.txt", mediaType: "", size: null, ref: "a" };
const unheard: unknown[] = [];
const hear = (error: unknown) => unheard.push(error);

beforeEach(() => {
  unheard.length = 0;
  process.on("unhandledRejection", hear);
});

afterEach(() => {
  process.off("unhandledRejection", hear);
});

function files(fetch: Files["fetch"]): Files {
  return { maxFetchBytes: 1_000, maxSendBytes: 1_000, fetch, send: async () => null };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

it("asks for nothing once its turn is over", async () => {
  let asked = 0;
  const fetch: Files["fetch"] = async (_ref, signal) => {
    asked += 1;
    signal.throwIfAborted();
    return (async function* () {})();
  };
  expect(await fetchFile(files(fetch), part, { left: 1_000 }, AbortSignal.abort())).toEqual({ fault: "unreachable" });
  await settled();
  expect([asked, unheard]).toEqual([0, []]);
});

it("leaves no rejection behind when its turn ends between two pieces", async () => {
  const turn = new AbortController();
  const fetch: Files["fetch"] = async (_ref, signal) =>
    (async function* () {
      for (;;) {
        signal.throwIfAborted();
        yield Buffer.from("a piece");
        turn.abort();
      }
    })();
  const budget = { left: 1_000 };
  expect(await fetchFile(files(fetch), part, budget, turn.signal)).toEqual({ fault: "unreachable" });
  await settled();
  expect([budget.left, unheard]).toEqual([1_000, []]);
});

it("asks once more for a file that cannot be had just now, and no oftener", async () => {
  const away = new GatewayError("unavailable", "not now");
  let asked = 0;
  const failing = (times: number): Files["fetch"] => {
    asked = 0;
    return async () => {
      if (++asked <= times) throw away;
      return (async function* () {
        yield Buffer.from("words");
      })();
    };
  };
  const { signal } = new AbortController();
  expect(await fetchFile(files(failing(1)), part, { left: 1_000 }, signal)).toMatchObject({
    bytes: Buffer.from("words"),
  });
  expect(await fetchFile(files(failing(9)), part, { left: 1_000 }, signal)).toEqual({ fault: "unreachable" });
  expect(asked).toBe(2);
});
