import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadPage } from "../../src/http/load-page.ts";
import { startHttp, type TestHttp } from "./start-http.ts";

const FILES: Record<string, string> = {
  "index.html": `<!doctype html><title>Parley</title><script type="module" src="/assets/main-B1x9f3Qa.js"></script>`,
  "assets/main-B1x9f3Qa.js": `console.log("${"hello ".repeat(50)}");`,
  "assets/main-B1x9f3Qa.js.map": "{}",
  "assets/look-Cd_2-9xY.css": "body{}",
  "icon.svg": "<svg/>",
  "secret.env": "KEY=1",
};

const WEB = { guests: false, publicUrl: null, url: () => "http://127.0.0.1:3000", oidc: null };

let folder: string;
let http: TestHttp;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "parley-page-"));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
  http = await startHttp({ web: { ...WEB, page: await loadPage(folder) } });
});
afterAll(async () => {
  await http.stop();
  await rm(folder, { recursive: true });
});

const get = (url: string, headers: Record<string, string> = {}) => http.app.inject({ url, headers });

describe("the web page", () => {
  it("is the same for every view, and asked for anew each time", async () => {
    for (const url of ["/", "/sign-in", "/talks/ses_1", "/admin", "/admin/traces/1"]) {
      const answer = await get(url);
      expect([answer.statusCode, answer.headers["content-type"]], url).toEqual([200, "text/html; charset=utf-8"]);
      expect(answer.headers["cache-control"]).toBe("no-cache");
      expect(answer.body).toBe(FILES["index.html"]);
    }
    const { etag } = (await get("/")).headers;
    expect((await get("/", { "if-none-match": String(etag) })).statusCode).toBe(304);
  });

  it("has files that browsers keep for good where their name says what is in them", async () => {
    const script = await get("/assets/main-B1x9f3Qa.js", { "accept-encoding": "br, gzip" });
    expect(script.headers).toMatchObject({
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
      "content-encoding": "gzip",
      vary: "accept-encoding",
    });
    expect(gunzipSync(script.rawPayload).toString()).toBe(FILES["assets/main-B1x9f3Qa.js"]);
    expect((await get("/assets/main-B1x9f3Qa.js")).body).toBe(FILES["assets/main-B1x9f3Qa.js"]);
    expect((await get("/assets/look-Cd_2-9xY.css")).headers["cache-control"]).toContain("immutable");
    expect((await get("/icon.svg")).headers["cache-control"]).toBe("no-cache");
  });

  it("is nothing but its files, and no way to others", async () => {
    for (const url of [
      "/index.htm",
      "/secret.env",
      "/assets/main-B1x9f3Qa.js.map",
      "/assets/",
      "/assets/../secret.env",
      "/assets/..%2fsecret.env",
      "/assets/%2e%2e/%2e%2e/etc/passwd",
      "//etc/passwd",
    ]) {
      expect((await get(url)).statusCode, url).toBe(404);
    }
  });

  it("says what to do where it was not built, and is away where it is off", async () => {
    const bare = await startHttp({ web: { ...WEB, page: await loadPage(path.join(folder, "none")) } });
    const answer = await bare.app.inject("/");
    expect([answer.statusCode, answer.headers["content-type"]]).toEqual([503, "text/plain; charset=utf-8"]);
    expect(answer.body).toContain("npm run build");
    await bare.stop();
    const off = await startHttp({ web: null });
    expect((await off.app.inject("/")).statusCode).toBe(404);
    await off.stop();
  });
});

describe("security-36: every file of the page", () => {
  it("comes with a strict policy, and is what its type says", async () => {
    for (const url of ["/", "/admin", "/assets/main-B1x9f3Qa.js", "/icon.svg"]) {
      const { headers } = await get(url);
      const policy = String(headers["content-security-policy"]);
      expect(policy.split("; ")).toEqual(
        expect.arrayContaining([
          "default-src 'none'",
          "script-src 'self'",
          "style-src 'self'",
          "img-src 'self' data: blob:",
          "connect-src 'self'",
          "base-uri 'none'",
          "form-action 'self'",
          "frame-ancestors 'none'",
        ]),
      );
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
      });
    }
  });
});
