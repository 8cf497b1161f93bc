import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { fateOf, thisProcess } from "../../src/store/process-identity.ts";

const self = thisProcess();

it("knows itself", () => {
  expect(self).toEqual(thisProcess());
  expect(self.pid).toBe(process.pid);
  expect(fateOf(self)).toBe("alive");
});

it("proves a process of this host gone once it has ended", async () => {
  const child = spawn(process.execPath, ["-e", "setInterval(() => 0, 60000)"]);
  await once(child, "spawn");
  const startedAt = "1";
  expect(fateOf({ ...self, pid: child.pid!, startedAt: "" })).toBe("unknown");
  expect(fateOf({ ...self, pid: child.pid!, startedAt })).toBe("gone");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(fateOf({ ...self, pid: child.pid!, startedAt: "" })).toBe("gone");
});

it("proves everything before the last boot gone", () => {
  expect(fateOf({ ...self, bootId: "earlier/pid:[4026531836]" })).toBe("gone");
});

it("proves nothing of other hosts and other containers", () => {
  expect(fateOf({ ...self, host: "elsewhere" })).toBe("unknown");
  expect(fateOf({ ...self, bootId: `${self.bootId.split("/")[0]}/pid:[1]` })).toBe("unknown");
});
