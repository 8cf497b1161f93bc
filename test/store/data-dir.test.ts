import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDataDir } from "../../src/store/data-dir.ts";
import { thisProcess } from "../../src/store/process-identity.ts";

const children: ChildProcess[] = [];
let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "parley-data-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await rm(dir, { recursive: true });
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** A process of its own that tries to lock the directory, and its first word: `held`, or why not. */
async function start(where = dir): Promise<{ child: ChildProcess; says: string }> {
  const holder = fileURLToPath(new URL("./lock-holder.ts", import.meta.url));
  const child = spawn(process.execPath, ["--expose-gc", holder, where], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const [says] = (await once(createInterface(child.stdout), "line")) as [string];
  return { child, says };
}

/** What an owner left behind that did not release, by default one that is certainly not seen from here. */
async function leaveBehind(owner: object): Promise<void> {
  const unseen = { host: "elsewhere", bootId: "other/pid:[1]", pid: 7, startedAt: "1", since: "2026-11-01T00:00:00Z" };
  await writeFile(path.join(dir, "owner.json"), JSON.stringify({ ...unseen, ...owner }));
}

describe("the lock of a data directory", () => {
  it("keeps a second process out, and says who is in and what to do", async () => {
    const first = await start();
    const second = await start();
    expect(first.says).toBe("held");
    expect(second.says).toMatch(
      new RegExp(
        `^conflict: The data directory is in use by process ${first.child.pid} on host ${thisProcess().host} since .*` +
          "Stop that one, or give this one another DATA_DIR, or a DATABASE_URL",
      ),
    );
  });

  it("keeps a second part of the same process out, and stays locked for others", async () => {
    const lock = await lockDataDir(dir);
    await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "conflict" });
    await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "conflict" });
    await rm(path.join(dir, "owner.json")); // so that only the lock itself is left to say no
    expect((await start()).says).toMatch(/^conflict: .* in use by another process/);
    await lock.release();
    expect((await start()).says).toBe("held");
  });

  it("is free at once when its owner was killed", async () => {
    const first = await start();
    await kill(first.child);
    expect(await readdir(dir)).toContain("owner.json");
    const lock = await lockDataDir(dir);
    await lock.release();
  });

  it("is not free while its owner is only stopped", async () => {
    const first = await start();
    first.child.kill("SIGSTOP");
    await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "conflict" });
  });

  it("is won by exactly one of many that start at once, also over the body of a dead one", async () => {
    for (let round = 0; round < 2; round++) {
      const starters = await Promise.all(Array.from({ length: 8 }, () => start()));
      const held = starters.filter(({ says }) => says === "held");
      expect(held).toHaveLength(1);
      expect(starters.filter(({ says }) => says.startsWith("conflict: "))).toHaveLength(7);
      const owner = JSON.parse(await readFile(path.join(dir, "owner.json"), "utf8")) as { pid: number };
      expect(owner.pid).toBe(held[0]!.child.pid);
      await kill(held[0]!.child);
    }
  });

  it("leaves nothing to ask about when it is released, and does so once", async () => {
    const first = await lockDataDir(dir);
    await first.release();
    expect(await readdir(dir)).toEqual(["lock"]);
    const second = await lockDataDir(dir);
    await first.release();
    expect(await readdir(dir)).toContain("owner.json");
    await expect(lockDataDir(dir)).rejects.toMatchObject({ code: "conflict" });
    await second.release();
  });

  it("makes the directory, for its owner only", async () => {
    const inner = path.join(dir, "a", "data");
    const lock = await lockDataDir(inner);
    expect((await stat(inner)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(inner)) expect((await stat(path.join(inner, file))).mode & 0o777).toBe(0o600);
    await lock.release();
  });

  it("says so when the directory cannot be locked", async () => {
    await mkdir(path.join(dir, "lock"));
    await expect(lockDataDir(dir)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("cannot be locked"),
    });
  });
});

describe("an owner that never released", () => {
  it("on another host is not taken for dead; the way out is told", async () => {
    await leaveBehind({});
    await expect(lockDataDir(dir)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/process 7 on host elsewhere .* cannot be seen from here.* delete owner\.json/),
    });
    await rm(path.join(dir, "owner.json"));
    await (await lockDataDir(dir)).release();
  });

  it.each([
    ["of this host before its last boot", { host: thisProcess().host }],
    ["of another container on this kernel", { bootId: `${thisProcess().bootId.split("/")[0]}/pid:[1]` }],
    ["with the pid of a process that started later", { ...thisProcess(), pid: process.ppid, startedAt: "1" }],
    ["with this pid in a container that started anew", { ...thisProcess(), startedAt: "1" }],
  ])("%s is dead", async (_who, owner) => {
    await leaveBehind(owner);
    await (await lockDataDir(dir)).release();
  });

  it("and lives where its lock cannot be seen keeps its directory", async () => {
    const { child } = await start(path.join(dir, "seen"));
    const owner = await readFile(path.join(dir, "seen", "owner.json"), "utf8");
    await writeFile(path.join(dir, "owner.json"), owner);
    await expect(lockDataDir(dir)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(`in use by process ${child.pid} `),
    });
  });

  it.each(["", "{", "null", "[]", '{"pid":"7"}'])("of which only %j is left is dead", async (content) => {
    await writeFile(path.join(dir, "owner.json"), content);
    await chmod(path.join(dir, "owner.json"), 0o600);
    await (await lockDataDir(dir)).release();
  });
});
