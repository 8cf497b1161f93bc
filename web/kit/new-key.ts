/** 128 random bits. Not `randomUUID`, which browsers have over https and at loopback addresses only. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
