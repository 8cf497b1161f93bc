import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Writable } from "node:stream";
import { expect, it } from "vitest";
import { fateOf, isSameBoot, thisProcess } from "../../src/store/process-identity.ts";

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

it("takes a process that has ended but was not waited for as gone", async () => {
  // `sleep` never waits for the child that the shell it replaces has left to it; the child ends with its input.
  const parent = spawn("sh", ["-c", "cat <&3 & echo $!; exec sleep 60"], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  const [line] = (await once(parent.stdout!, "data")) as [Buffer];
  await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, "utf8")).toBe("sleep\n");
  const pid = Number(String(line));
  const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ");
  expect(fateOf({ ...self, pid, startedAt: stat()[21]! })).toBe("alive");
  (parent.stdio[3] as Writable).end();
  await expect.poll(() => stat()[2]).toBe("Z");
  expect(fateOf({ ...self, pid, startedAt: stat()[21]! })).toBe("gone");
  parent.kill("SIGKILL");
  await once(parent, "exit");
});

it("proves nothing where the boot is not told, unless there is no such process", () => {
  const silent = { ...self, bootId: "/", startedAt: "" };
  expect(fateOf(silent, silent)).toBe("unknown");
  expect(fateOf({ ...silent, pid: 2 ** 22 + 1 }, silent)).toBe("gone");
  expect(fateOf(self, silent)).toBe("unknown");
  expect(isSameBoot(silent, silent)).toBe(false);
  expect(isSameBoot(self, { ...self, host: "elsewhere" })).toBe(true);
});

it("proves everything before the last boot gone", () => {
  expect(fateOf({ ...self, bootId: "earlier/pid:[4026531836]" })).toBe("gone");
});

it("proves nothing of other hosts and other containers", () => {
  expect(fateOf({ ...self, host: "elsewhere" })).toBe("unknown");
  expect(fateOf({ ...self, bootId: `${self.bootId.split("/")[0]}/pid:[1]` })).toBe("unknown");
});
