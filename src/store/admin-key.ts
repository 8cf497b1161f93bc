import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";
import { GatewayError } from "../errors.ts";

const KEY = /^parley_admin_[\w-]{43}$/;
const FILE = "admin-key";

/**
 * The operator's key of a gateway that was given none: 256 random bits in `<dir>/admin-key`, made on the first call.
 * Several processes may call it at once and get the same one. Rejects with `forbidden` when others may read the file.
 */
export async function adminKey(dir: string): Promise<{ key: string; file: string; isNew: boolean }> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const file = path.join(dir, FILE);
  const existing = await readAdminKey(dir);
  if (existing !== null) return { key: existing, file, isNew: false };

  const key = `parley_admin_${randomBytes(32).toString("base64url")}`;
  const draft = `${file}.${process.pid}.${randomBytes(6).toString("hex")}`;
  try {
    const handle = await open(draft, "wx", 0o600);
    try {
      await handle.writeFile(`${key}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link never replaces what is there: of several starters one makes the key, the others read it.
    await link(draft, file);
    return { key, file, isNew: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const winner = await readAdminKey(dir);
  if (winner === null) throw new GatewayError("conflict", "The file admin-key in DATA_DIR came and went. Start again.");
  return { key: winner, file, isNew: false };
}

/** The key in the directory; null = there is none. */
export async function readAdminKey(dir: string): Promise<string | null> {
  let handle;
  try {
    handle = await open(path.join(dir, FILE), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new GatewayError("forbidden", "The file admin-key in DATA_DIR cannot be read.", { cause: error });
  }
  try {
    // Of what is open, so that nobody can swap the file in between. Windows has no such modes.
    const { mode } = await handle.stat();
    if (process.platform !== "win32" && (mode & 0o077) !== 0) {
      const advice = "Delete it to get a new key (others may know this one), or chmod it to 600.";
      throw new GatewayError("forbidden", `The file admin-key in DATA_DIR may be read by others. ${advice}`);
    }
    const key = (await handle.readFile("utf8")).trim();
    if (!KEY.test(key)) {
      throw new GatewayError("invalid", "The file admin-key in DATA_DIR holds no key. Delete it to get a new one.");
    }
    return key;
  } finally {
    await handle.close();
  }
}
