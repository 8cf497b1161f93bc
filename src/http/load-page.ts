import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

/** One file of the built web page. */
export interface PageFile {
  /** From the page's root, for example `/assets/chat-B1x9f3Qa.js`. */
  url: string;
  type: string;
  /** Its name has a hash of its content in it, so it never changes. */
  hashed: boolean;
  etag: string;
  bytes: Buffer;
  /** The same, compressed; null = that saves nothing. */
  gzipped: Buffer | null;
}

const TYPES: Record<string, string> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".webp": "image/webp",
  ".woff2": "font/woff2",
};
const COMPRESSED = /^(text|application)\/|svg/;
/** Vite writes `[name]-[hash].[ext]` into `assets/`: https://vite.dev/config/build-options#build-assetsdir */
const HASHED = /^\/assets\/.+-[\w-]{8,}\.\w+$/;
/** All files are held in memory. */
const MAX_BYTES = 20 * 1024 * 1024;

/**
 * Reads the built page once: what was not there then is never served, so no path of a request touches the disk. Null =
 * it was not built. Files of other kinds, such as source maps, are left out.
 */
export async function loadPage(folder: string): Promise<PageFile[] | null> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(absent);
  const files: PageFile[] = [];
  let left = MAX_BYTES;
  for (const entry of entries.filter((each) => each.isFile())) {
    const type = TYPES[path.extname(entry.name)];
    if (type === undefined) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = await readFile(file);
    left -= bytes.length;
    if (left < 0) throw new Error(`The web page in ${folder} is larger than ${MAX_BYTES} bytes.`);
    const url = `/${path.relative(folder, file).replaceAll(path.sep, "/")}`;
    const small = COMPRESSED.test(type) ? await promisify(gzip)(bytes, { level: 9 }) : bytes;
    files.push({
      url,
      type,
      hashed: HASHED.test(url),
      etag: `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`,
      bytes,
      gzipped: small.length < bytes.length ? small : null,
    });
  }
  return files.some(({ url }) => url === "/index.html") ? files : null;
}

function absent(error: unknown): [] {
  if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
  throw error;
}
