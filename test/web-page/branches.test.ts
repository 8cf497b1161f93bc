import { describe, expect, it } from "vitest";
import { type Branch, versionsAt } from "../../web/chat/branches.ts";

/** a ─ b branches off behind 2 messages, c behind 2 of b, d behind 4 of b, e at the beginning of d. */
const all: Branch[] = [
  { id: "b", from: "a", at: 2 },
  { id: "c", from: "b", at: 2 },
  { id: "d", from: "b", at: 4 },
  { id: "e", from: "d", at: 0 },
];
const tree = { root: "a", all };

describe("the versions of a message", () => {
  it.each([
    ["a", 0, ["a", "e"], 0],
    ["a", 2, ["a", "b", "c"], 0],
    ["a", 4, ["a"], 0],
    ["b", 2, ["a", "b", "c"], 1],
    ["c", 2, ["a", "b", "c"], 2],
    ["d", 2, ["a", "b", "c"], 1],
    ["b", 4, ["b", "d"], 0],
    ["d", 4, ["b", "d"], 1],
    ["d", 0, ["a", "e"], 0],
    ["e", 0, ["a", "e"], 1],
    ["e", 2, ["e"], 0],
  ])("in %s behind %i messages are %j, of which the one at %i is shown", (session, at, ids, shown) => {
    expect(versionsAt(tree, session, at)).toEqual({ ids, shown });
  });
});
