import type { Upload } from "./file-methods.ts";
import type { Payload } from "./payload.ts";

/** A form with files, which become `Upload`s; undefined when it is none. */
export async function readForm(type: string, body: Buffer): Promise<Payload | undefined> {
  try {
    const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
    const entries = await Promise.all([...form].map(async ([field, value]) => [field, await read(value)] as const));
    return Object.fromEntries(entries);
  } catch {
    return undefined;
  }
}

async function read(value: string | File): Promise<string | Upload> {
  if (typeof value === "string") {
    return value;
  }
  return { name: value.name, mediaType: value.type, bytes: new Uint8Array(await value.arrayBuffer()) };
}
