import { describe, expect, it } from "vitest";
import { type AccessPolicy, decideAccess, type Knock } from "../../src/platform/access-gate.ts";
import type { IncomingUpdate, UpdateKind } from "../../src/platform/incoming-update.ts";

/** Every kind there is, so that a new one must be thought of here: has it a sender, and does it ask for an answer? */
const KINDS: Record<UpdateKind, { sender: boolean; asks: boolean }> = {
  message: { sender: true, asks: true },
  command: { sender: true, asks: true },
  edited: { sender: true, asks: false },
  deleted: { sender: true, asks: false },
  reason: { sender: true, asks: false },
  press: { sender: true, asks: false },
  elsewhere: { sender: true, asks: false },
  membership: { sender: true, asks: false },
  other: { sender: true, asks: false },
  place_moved: { sender: false, asks: false },
  ignored: { sender: false, asks: false },
  unreadable: { sender: false, asks: false },
};
const gated = (Object.keys(KINDS) as UpdateKind[]).filter((kind) => KINDS[kind].sender) as Knock["kind"][];
type Senderless = Exclude<IncomingUpdate, { sender: unknown }>["kind"];
const senderless: Senderless[] = ["place_moved", "ignored", "unreadable"];

const listed = new Set(["telegram:1"]);
const pairing: AccessPolicy = { mode: "pairing", allowedUsers: listed };
const allowlist: AccessPolicy = { mode: "allowlist", allowedUsers: listed };
const open: AccessPolicy = { mode: "open", allowedUsers: new Set() };

const stranger: Knock = {
  kind: "message",
  platform: "telegram",
  placeKind: "private",
  senderId: "666",
  outsider: false,
  approved: false,
  blocked: false,
  addressed: true,
};
const ann: Knock = { ...stranger, senderId: "1" };
const bob: Knock = { ...stranger, senderId: "2", approved: true };

describe("security-12: a stranger's update", () => {
  it("is of a kind this table knows", () => {
    expect([...gated, ...senderless].toSorted()).toEqual(Object.keys(KINDS).toSorted());
  });

  describe.each(gated)("of kind %s", (kind) => {
    const { asks } = KINDS[kind];

    it("in private takes no effect, and is answered only if it asks", () => {
      expect(decideAccess(pairing, { ...stranger, kind })).toBe(asks ? "pair" : "ignore");
      expect(decideAccess(allowlist, { ...stranger, kind })).toBe(asks ? "refuse" : "ignore");
    });

    it.each([true, false])("in a group is ignored (addressed: %s)", (addressed) => {
      const knock: Knock = { ...stranger, kind, placeKind: "group", addressed };
      expect(decideAccess(pairing, knock)).toBe("ignore");
      expect(decideAccess(allowlist, knock)).toBe("ignore");
    });

    it("takes effect with open access", () => {
      expect(decideAccess(open, { ...stranger, kind })).toBe("allow");
    });

    it("takes effect from someone on the list", () => {
      expect(decideAccess(pairing, { ...ann, kind })).toBe("allow");
      expect(decideAccess(allowlist, { ...ann, kind })).toBe("allow");
      expect(decideAccess(allowlist, { ...ann, kind, placeKind: "group" })).toBe("allow");
    });
  });
});

describe("approved identities", () => {
  it("pass where pairing is the policy", () => {
    expect(decideAccess(pairing, bob)).toBe("allow");
    expect(decideAccess(pairing, { ...bob, placeKind: "group" })).toBe("allow");
  });

  it("do not pass an allowlist that does not name them", () => {
    expect(decideAccess(allowlist, bob)).toBe("refuse");
    expect(decideAccess(allowlist, { ...bob, kind: "command" })).toBe("refuse");
    expect(decideAccess(allowlist, { ...bob, placeKind: "group" })).toBe("ignore");
  });
});

describe("security-11: the list", () => {
  it.each(["11", "01", " 1", "1 ", "telegram:1", "ann", "@ann", "", "1\n", "__proto__"])(
    "does not name %j",
    (senderId) => {
      expect(decideAccess(allowlist, { ...ann, senderId })).toBe("refuse");
    },
  );

  it("names a person of one platform only", () => {
    expect(decideAccess(allowlist, { ...ann, platform: "slack" })).toBe("refuse");
    const slack: AccessPolicy = { mode: "allowlist", allowedUsers: new Set(["slack:T1:U2"]) };
    expect(decideAccess(slack, { ...ann, platform: "slack", senderId: "T1:U2" })).toBe("allow");
    expect(decideAccess(slack, { ...ann, platform: "slack", senderId: "T2:U2" })).toBe("refuse");
  });
});

describe("security-12: guests and people of other organisations", () => {
  const guest: Knock = { ...stranger, outsider: true };

  it.each(gated)("pass with no policy as they are, whatever they do: %s", (kind) => {
    for (const policy of [pairing, allowlist, open]) {
      expect(decideAccess(policy, { ...guest, kind, placeKind: "group" })).toBe("ignore");
      expect(decideAccess(policy, { ...guest, kind })).not.toBe("allow");
    }
  });

  it("are told in private what strangers are told, also where access is open", () => {
    expect(decideAccess(open, guest)).toBe("pair");
    expect(decideAccess(pairing, guest)).toBe("pair");
    expect(decideAccess(allowlist, guest)).toBe("refuse");
    expect(decideAccess(open, { ...guest, senderId: "chat:-1001" })).toBe("refuse");
  });

  it("pass when they are listed, or approved where a code is given", () => {
    const openWithList: AccessPolicy = { mode: "open", allowedUsers: listed };
    for (const policy of [pairing, allowlist, openWithList]) {
      expect(decideAccess(policy, { ...guest, senderId: "1" })).toBe("allow");
    }
    expect(decideAccess(open, { ...guest, approved: true })).toBe("allow");
    expect(decideAccess(pairing, { ...guest, approved: true })).toBe("allow");
    expect(decideAccess(allowlist, { ...guest, approved: true })).toBe("refuse");
  });
});

describe("those who speak as a chat", () => {
  const nobody: Knock = { ...stranger, senderId: "chat:-1001", placeKind: "group" };

  it("pass with open access alone", () => {
    const named: AccessPolicy = { mode: "allowlist", allowedUsers: new Set(["telegram:chat:-1001"]) };
    expect(decideAccess(open, nobody)).toBe("allow");
    expect(decideAccess(named, nobody)).toBe("ignore");
    expect(decideAccess({ ...named, mode: "pairing" }, { ...nobody, approved: true })).toBe("ignore");
  });

  it("are never given a code", () => {
    expect(decideAccess(pairing, { ...nobody, placeKind: "private" })).toBe("refuse");
    expect(decideAccess(pairing, { ...stranger, senderId: "" })).toBe("refuse");
  });
});

describe("security-15: in a group", () => {
  it("nothing is taken up that does not address the bot, whoever says it", () => {
    for (const [policy, knock] of [
      [pairing, bob],
      [allowlist, ann],
      [open, stranger],
    ] as const) {
      expect(decideAccess(policy, { ...knock, placeKind: "group", addressed: false })).toBe("ignore");
      expect(decideAccess(policy, { ...knock, placeKind: "group", addressed: true })).toBe("allow");
      expect(decideAccess(policy, { ...knock, placeKind: "private", addressed: false })).toBe("allow");
    }
  });
});
