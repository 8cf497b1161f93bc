import { expect, it } from "vitest";
import { Slots } from "../../src/agent/slots.ts";
import { signal } from "../store/arrange.ts";

const never = new AbortController().signal;

it("lets so many in at once, the others in order, also after one that failed", async () => {
  const slots = new Slots(1);
  const first = signal();
  const order: string[] = [];
  const failing = slots.during(never, async () => {
    await first.given;
    throw new Error("no");
  });
  const later = ["a", "b"].map((name) => slots.during(never, async () => void order.push(name)));
  first.give();
  await expect(failing).rejects.toThrow("no");
  await Promise.all(later);
  expect(order).toEqual(["a", "b"]);
  expect(await slots.during(never, async () => "free")).toBe("free");
});

it("gives nothing to whoever left before their turn", async () => {
  const slots = new Slots(1);
  const first = signal();
  const holding = slots.during(never, () => first.given);
  const leaving = new AbortController();
  const left = slots.during(leaving.signal, async () => "in");
  leaving.abort();
  expect(await left).toBeNull();
  first.give();
  await holding;
  expect(await slots.during(AbortSignal.abort(), async () => "in")).toBeNull();
});

it("turns away whom the line has no place for", async () => {
  const slots = new Slots(1, 1);
  const first = signal();
  const holding = slots.during(never, () => first.given);
  const waiting = slots.during(never, async () => "second");
  expect(await slots.during(never, async () => "third")).toBeNull();
  first.give();
  await holding;
  expect(await waiting).toBe("second");
});
