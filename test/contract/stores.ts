import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ChatMessage, StoreError, type Stores } from "../../packages/store-client/src/index.ts";

/** What every implementation of the stores does. `keeps`: it is not the one that forgets. */
export function storesContract(
  name: string,
  open: () => Promise<{ stores: Stores; close(): Promise<void> }>,
  keeps = true,
): void {
  describe(`${name} stores`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let stores: Stores;
    beforeAll(async () => {
      opened = await open();
      stores = opened.stores;
    });
    afterAll(() => opened.close());

    const TALK: ChatMessage[] = [
      { role: "user", content: "one" },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c", content: "three" },
    ];
    const refusal = async (work: Promise<unknown>) => {
      const error = await work.then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(StoreError);
      return (error as StoreError).code;
    };

    it("name each session they make differently, and know none that was not made", async () => {
      const { sessions } = stores;
      expect(await sessions.create()).not.toBe(await sessions.create());
      expect(await sessions.create("given-1")).toBe("given-1");
      expect(await sessions.load("never-made")).toBeNull();
      expect(await sessions.costs("never-made")).toBeNull();
      expect(await sessions.delete("never-made")).toBe(false);
      expect(await refusal(sessions.addCosts("never-made", { a: 1 }))).toBe("not_found");
      expect(await refusal(sessions.fork("never-made"))).toBe("not_found");
      expect(await refusal(sessions.revert("never-made", 0))).toBe("not_found");
    });

    it("know no feedback that was not given", async () => {
      expect(await stores.feedback.get("fb_0000000000000000")).toBeNull();
      expect(await refusal(stores.feedback.change("fb_0000000000000000", { rating: 1 }))).toBe("not_found");
    });

    const TRACE = {
      trace_id: "0af7651916cd43dd8448eb211c80319c",
      started_at: "2026-11-20T10:00:00.000Z",
      ended_at: "2026-11-20T10:00:02.000Z",
      model: "small",
      status: "ok",
      spans: [{ span_id: "b7ad6b7169203331", name: "chat small", start_time: 10, end_time: 12, status: "ok" }],
    };

    if (!keeps) {
      it("keep nothing", async () => {
        await stores.traces.write(TRACE);
        expect(await stores.traces.read(TRACE.trace_id)).toBeNull();
        await stores.sessions.save("s", TALK);
        expect(await stores.sessions.load("s")).toBeNull();
        const id = await stores.feedback.add({ rating: 1, session: "s" });
        expect(await stores.feedback.get(id)).toBeNull();
        expect(await stores.feedback.list({ session: "s" })).toEqual([]);
      });
      return;
    }

    it("read a history back as it was saved last, of a session that was made or not", async () => {
      const { sessions } = stores;
      const id = await sessions.create();
      expect(await sessions.load(id)).toEqual([]);
      for (const target of [id, "saved-first"]) {
        await sessions.save(target, TALK.slice(0, 1));
        await sessions.save(target, TALK);
        expect(await sessions.load(target)).toMatchObject(TALK);
        await sessions.save(target, [TALK[0]!, { role: "assistant", content: "other" }]);
        const now = (await sessions.load(target))!;
        expect(now).toMatchObject([TALK[0]!, { role: "assistant", content: "other" }]);
        // What was read can be saved again.
        await sessions.save(target, now);
        expect(await sessions.load(target)).toMatchObject([TALK[0]!, { role: "assistant", content: "other" }]);
      }
      expect(await refusal(sessions.create("saved-first"))).toBe("conflict");
    });

    it("merge costs field by field", async () => {
      const id = await stores.sessions.create();
      expect(await stores.sessions.costs(id)).toEqual({});
      await stores.sessions.addCosts(id, { usd: 1, turns: 1 });
      await stores.sessions.addCosts(id, { turns: 2 });
      expect(await stores.sessions.costs(id)).toEqual({ usd: 1, turns: 2 });
    });

    it("fork and revert by the number of messages, and no further than there are", async () => {
      const { sessions } = stores;
      const id = await sessions.create();
      await sessions.save(id, TALK);
      const forked = await sessions.fork(id, 1);
      expect(forked.messages).toBe(1);
      expect(await sessions.load(forked.id)).toMatchObject(TALK.slice(0, 1));
      expect((await sessions.fork(id)).messages).toBe(3);
      expect(await refusal(sessions.fork(id, 4))).toBe("invalid");
      await sessions.revert(id, 1);
      expect(await sessions.load(id)).toHaveLength(1);
      expect(await refusal(sessions.revert(id, 2))).toBe("invalid");
      await sessions.revert(id, 0);
      expect(await sessions.load(id)).toEqual([]);
    });

    it("delete a session once", async () => {
      const id = await stores.sessions.create();
      expect(await stores.sessions.delete(id)).toBe(true);
      expect(await stores.sessions.delete(id)).toBe(false);
      expect(await stores.sessions.load(id)).toBeNull();
    });

    it("keep a trace with its spans, told once or anew", async () => {
      expect(await stores.traces.read("0af7651916cd43dd8448eb211c80319d")).toBeNull();
      await stores.traces.write({ ...TRACE, status: "error" });
      await stores.traces.write(TRACE);
      const told = (await stores.traces.read(TRACE.trace_id))!;
      expect(told).toMatchObject({ trace_id: TRACE.trace_id, model: "small", status: "ok" });
      expect(new Date(told.started_at).toISOString()).toBe(TRACE.started_at);
      expect(told.spans).toMatchObject([{ span_id: "b7ad6b7169203331", name: "chat small" }]);
    });

    it("keep what people think of a session, and change it", async () => {
      const { sessions, feedback } = stores;
      const [one, two] = [await sessions.create(), await sessions.create()];
      const id = await feedback.add({ rating: 1, session: one });
      await feedback.add({ rating: 1, session: two });
      await feedback.change(id, { rating: -1, comment: "too long" });
      expect(await feedback.get(id)).toEqual({ id, rating: -1, comment: "too long" });
      expect(await feedback.list({ session: one })).toEqual([{ id, rating: -1, comment: "too long" }]);
      expect(await feedback.list({ session: one, rating: 1 })).toEqual([]);
      expect(await refusal(feedback.add({ rating: 1, session: "never-made" }))).toBe("not_found");
    });
  });
}
