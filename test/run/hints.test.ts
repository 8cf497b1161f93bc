import { describe, expect, it } from "vitest";
import { newId } from "../../src/ids.ts";
import { Doorbell, Hints } from "../../src/run/hints.ts";

const [ONE, OTHER] = [newId("ses"), newId("ses")];

function listen() {
  const hints = new Hints();
  const heard: string[] = [];
  hints.onWork(() => heard.push("work"));
  hints.onOutbox(() => heard.push("outbox"));
  hints.onLevels((session) => heard.push(session === ONE ? "levels of one" : "levels of other"));
  const unfollow = hints.follow(ONE, () => heard.push("reader of one"));
  return { hints, heard, unfollow };
}

describe("a hint", () => {
  it("about a message or a stop reaches those who end runs, and the session's readers", () => {
    const { hints, heard } = listen();
    hints.session(ONE);
    hints.session(OTHER);
    expect(heard).toEqual(["levels of one", "reader of one", "levels of other"]);
  });

  it("about something to read reaches the session's readers alone: a run's own events end no run", () => {
    const { hints, heard } = listen();
    hints.news(ONE);
    hints.news(OTHER);
    expect(heard).toEqual(["reader of one"]);
  });

  it("reaches nobody who has left", () => {
    const { hints, heard, unfollow } = listen();
    expect(hints.followed(ONE)).toBe(true);
    unfollow();
    expect(hints.followed(ONE)).toBe(false);
    hints.news(ONE);
    expect(heard).toEqual([]);
  });
});

describe("a doorbell", () => {
  it("rung before the wait ends it at once, and only one wait", async () => {
    const bell = new Doorbell();
    bell.ring();
    await bell.wait(60_000, new AbortController().signal);
    const second = bell.wait(60_000, new AbortController().signal);
    bell.ring();
    await second;
  });

  it("is left at the abort", async () => {
    const end = new AbortController();
    const waiting = new Doorbell().wait(60_000, end.signal);
    end.abort();
    await waiting;
  });
});
