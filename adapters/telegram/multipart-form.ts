import { randomUUID } from "node:crypto";
import type { OutgoingFile } from "../../src/platform/platform-adapter.ts";

const MAX_NAME = 100;

/** A form with one file, as the Bot API takes uploads (RFC 7578). Objects among the fields go as JSON. */
export class MultipartForm {
  readonly contentType: string;
  readonly #boundary = `parley-${randomUUID()}`;
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #fileField: string;
  readonly #file: OutgoingFile;

  constructor(fields: Readonly<Record<string, unknown>>, fileField: string, file: OutgoingFile) {
    this.contentType = `multipart/form-data; boundary=${this.#boundary}`;
    this.#fields = fields;
    this.#fileField = fileField;
    this.#file = file;
  }

  toBytes(): Buffer {
    const { name, mediaType, bytes } = this.#file;
    const fields = Object.entries(this.#fields)
      .filter(([, value]) => value !== undefined)
      .map(([field, value]) => {
        const text = typeof value === "string" ? value : JSON.stringify(value);
        return `--${this.#boundary}\r\ncontent-disposition: form-data; name="${field}"\r\n\r\n${text}\r\n`;
      });
    const head = [
      `--${this.#boundary}`,
      `content-disposition: form-data; name="${this.#fileField}"; filename="${harmlessName(name)}"`,
      `content-type: ${/^[\w.+-]+\/[\w.+-]+$/.test(mediaType) ? mediaType : "application/octet-stream"}`,
    ];
    return Buffer.concat([
      Buffer.from(`${fields.join("")}${head.join("\r\n")}\r\n\r\n`),
      bytes,
      Buffer.from(`\r\n--${this.#boundary}--\r\n`),
    ]);
  }
}

/** Neither the end of the header nor a path, and nothing that makes one ending look like another. */
function harmlessName(name: string): string {
  const clean = name
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}"\\/:*?<>|]+/gu, "_")
    .trim();
  const ending = /\.\w{1,12}$/.exec(clean)?.[0] ?? "";
  const whole = clean.slice(0, clean.length - ending.length);
  const stem = Array.from(whole)
    .slice(0, MAX_NAME - ending.length)
    .join("");
  return /^[._\s]*$/.test(stem + ending) ? "file" : stem + ending;
}
