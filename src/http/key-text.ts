import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { type KeyId, newId, readId } from "../ids.ts";

/** 256 bits. */
const SECRET_BYTES = 32;
const SHAPE = /^(parley_([0-9a-f]{32})_[\w-]{43})_([0-9a-f]{8})$/;

/**
 * A key as people hold it: `parley_<id>_<secret>_<checksum>`. The beginning is for scanners that look for lost secrets;
 * by the checksum a mistyped key is refused without a question to the database.
 */
export function newKeyText(id: KeyId = newId("key")): { id: KeyId; text: string } {
  const open = `parley_${id.slice("key_".length)}_${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { id, text: `${open}_${checksum(open)}` };
}

/** Whose key it claims to be; null = it is no key, or mistyped. */
export function readKeyText(text: string): KeyId | null {
  const [, open = "", id, sum] = SHAPE.exec(text) ?? [];
  return sum !== undefined && sum === checksum(open) ? readId("key", `key_${id}`) : null;
}

/** What is kept of a key. */
export function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}
