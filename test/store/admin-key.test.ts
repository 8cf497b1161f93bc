import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adminKey, readAdminKey } from "../../src/store/admin-key.ts";

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), "parley-key-"));
  file = path.join(dir, "admin-key");
});

afterEach(() => rm(dir, { recursive: true }));

describe("the admin key", () => {
  it("is made once, with 256 random bits, for its owner's eyes only", async () => {
    const made = await adminKey(dir);
    expect(made).toEqual({ key: expect.stringMatching(/^parley_admin_[\w-]{43}$/), file, isNew: true });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toBe(`${made.key}\n`);
    expect(await adminKey(dir)).toEqual({ ...made, isNew: false });
    expect(await readAdminKey(dir)).toBe(made.key);
    const other = path.join(dir, "other");
    expect((await adminKey(other)).key).not.toBe(made.key);
  });

  it("is the same for all that start at once, and leaves no drafts", async () => {
    const made = await Promise.all(Array.from({ length: 20 }, () => adminKey(dir)));
    expect(new Set(made.map(({ key }) => key)).size).toBe(1);
    expect(made.filter(({ isNew }) => isNew)).toHaveLength(1);
    expect(await readdir(dir)).toEqual(["admin-key"]);
  });

  it("is not there before it was made", async () => {
    expect(await readAdminKey(dir)).toBeNull();
  });

  it.each([0o640, 0o604, 0o660, 0o601])("is refused when others may use the file (mode %o)", async (mode) => {
    await adminKey(dir);
    await chmod(file, mode);
    await expect(adminKey(dir)).rejects.toMatchObject({ code: "forbidden", message: expect.stringContaining("600") });
  });

  it.each(["", "short", "parley_admin_", "x".repeat(56)])(
    "is refused, not replaced, when it is %j",
    async (content) => {
      await writeFile(file, content, { mode: 0o600 });
      await expect(adminKey(dir)).rejects.toMatchObject({ code: "invalid" });
      expect(await readFile(file, "utf8")).toBe(content);
    },
  );

  it("is not read through a link that somebody put there", async () => {
    const { key } = await adminKey(path.join(dir, "real"));
    await symlink(path.join(dir, "real", "admin-key"), file);
    await expect(adminKey(dir)).rejects.toMatchObject({ code: "forbidden" });
    expect(await readAdminKey(path.join(dir, "real"))).toBe(key);
  });
});
