import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { findGateway } from "../../src/cli/find-gateway.ts";
import { adminKey } from "../../src/store/admin-key.ts";

const key = "an-admin-key-for-this-test-0123456789";
const dir = (): string => mkdtempSync(path.join(tmpdir(), "parley-find-"));

describe("the gateway of these settings", () => {
  it.each([
    [{}, "http://127.0.0.1:3000"],
    [{ PORT: "4000" }, "http://127.0.0.1:4000"],
    [{ HOST: "10.0.0.1", PORT: "80" }, "http://10.0.0.1:80"],
    [{ HOST: "0.0.0.0" }, "http://127.0.0.1:3000"],
    [{ HOST: "::" }, "http://[::1]:3000"],
    [{ HOST: "::1", PORT: " " }, "http://[::1]:3000"],
  ])("%j is at %s", async (env, url) => {
    expect(await findGateway({ ADMIN_API_KEY: key, ...env }, null)).toEqual({ url, key });
  });

  it("is where it is said to be", async () => {
    const found = await findGateway({ ADMIN_API_KEY: key, PORT: "0" }, "https://parley.example.org/");
    expect(found.url).toBe("https://parley.example.org/");
  });

  it("has the key of its variable, of its file, or of the data directory", async () => {
    const dataDir = dir();
    const { key: stored } = await adminKey(dataDir);
    expect((await findGateway({ DATA_DIR: dataDir }, null)).key).toBe(stored);
    const file = path.join(dataDir, "own-key");
    writeFileSync(file, `${key}\n`);
    expect((await findGateway({ DATA_DIR: dataDir, ADMIN_API_KEY_FILE: file }, null)).key).toBe(key);
    expect((await findGateway({ DATA_DIR: dataDir, ADMIN_API_KEY: key }, null)).key).toBe(key);
  });

  it("cannot be called without a key, which is said with what to do", async () => {
    await expect(findGateway({ DATA_DIR: dir() }, null)).rejects.toThrow(/no key in .*Set ADMIN_API_KEY/);
  });

  it.each([
    [{ PORT: "0" }, null, "PORT is no port to call"],
    [{ PORT: "x" }, null, "PORT is no port to call"],
    [{}, "localhost:3000", "--url is no URL"],
    [{}, "ftp://localhost", "--url is no URL"],
    [{ ADMIN_API_KEY_FILE: "/nowhere" }, null, "and ADMIN_API_KEY_FILE are both set"],
  ])("cannot be found with %j %s", async (env, url, fault) => {
    await expect(findGateway({ ADMIN_API_KEY: key, ...env }, url)).rejects.toThrow(fault);
  });
});
