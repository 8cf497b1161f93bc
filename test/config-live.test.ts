import { describe, expect, it } from "vitest";
import { readConfig } from "../src/config.ts";
import { LiveConfig, rereadOf, watchSecrets } from "../src/config-live.ts";

const FIRST = "first-Secret-of-the-gateway-1234";
const SECOND = "second-Secret-of-the-gateway-987";
const TOKEN = "4711:AAabcdefghijklmnopqrstuvwxyz0123456789";

/** Settings whose secrets stand in files. */
function settings(files: Record<string, string>) {
  const env = {
    PUBLIC_URL: "https://bot.test",
    TELEGRAM_MODE: "webhook",
    ADMIN_API_KEY_FILE: "admin",
    TELEGRAM_BOT_TOKEN_FILE: "token",
    TELEGRAM_WEBHOOK_SECRET_FILE: "hook",
    DATABASE_URL_FILE: "database",
  };
  const all: Record<string, string> = {
    admin: FIRST,
    token: TOKEN,
    hook: `${FIRST}-hook`,
    database: "postgres://u:password1@127.0.0.1/db",
  };
  const read = () => readConfig(env, (path) => ({ ...all, ...files })[path]!);
  let now = 0;
  const live = new LiveConfig(read(), read, () => now);
  return { live, wait: (ms: number) => void (now += ms) };
}

const hookOf = ({ telegram }: LiveConfig["now"]) => (telegram?.mode === "webhook" ? telegram.webhookSecret : null);

describe("fault-39, security-31: secrets in files", () => {
  it("hold from the next look on, and a webhook's old one for half a minute more", () => {
    const files: Record<string, string> = {};
    const { live, wait } = settings(files);
    expect(live.reread()).toEqual({ changed: false, restart: [], fault: null });
    Object.assign(files, { admin: `${SECOND}\n`, hook: `${SECOND}-hook` });
    expect(live.reread()).toEqual({ changed: true, restart: [], fault: null });
    expect(live.now.adminApiKey).toBe(SECOND);
    expect([hookOf(live.now), live.before(hookOf)]).toEqual([`${SECOND}-hook`, `${FIRST}-hook`]);
    // What did not change has none before it.
    expect(live.before(({ telegram }) => telegram?.botToken ?? null)).toBeNull();
    wait(30_000);
    expect(live.before(hookOf)).toBeNull();
    expect(live.changes).toBe(1);
  });

  it("leave a webhook's old one its half minute when others change after it", () => {
    const files: Record<string, string> = {};
    const { live, wait } = settings(files);
    files["hook"] = `${SECOND}-hook`;
    live.reread();
    wait(5_000);
    files["admin"] = SECOND;
    live.reread();
    expect(live.before(hookOf)).toBe(`${FIRST}-hook`);
    wait(25_000);
    expect(live.before(hookOf)).toBeNull();
  });

  it("stay as they were while a file is wrong, which is told without its value", () => {
    const files: Record<string, string> = {};
    const { live } = settings(files);
    for (const admin of ["", "short"]) {
      files["admin"] = admin;
      const { changed, fault } = live.reread();
      expect([changed, live.now.adminApiKey]).toEqual([false, FIRST]);
      expect(fault).toMatch(/ADMIN_API_KEY/);
    }
    files["admin"] = SECOND;
    expect(live.reread()).toMatchObject({ changed: true, fault: null });
  });

  it("of the database and of another bot wait for a restart", () => {
    const files: Record<string, string> = {};
    const { live } = settings(files);
    Object.assign(files, { database: "postgres://u:password2@127.0.0.1/db", token: TOKEN.replace("4711", "4712") });
    expect(live.reread()).toEqual({ changed: false, restart: ["DATABASE_URL", "TELEGRAM_BOT_TOKEN"], fault: null });
    Object.assign(files, { token: TOKEN.replace("AA", "AB"), admin: SECOND });
    expect(live.reread()).toEqual({ changed: true, restart: ["DATABASE_URL"], fault: null });
    expect(live.now).toMatchObject({
      adminApiKey: SECOND,
      telegram: { botToken: TOKEN.replace("AA", "AB") },
      database: { url: "postgres://u:password1@127.0.0.1/db" },
    });
  });

  it("are looked into only where there are any", () => {
    expect(rereadOf({ ADMIN_API_KEY: FIRST, OPENAI_API_KEY_FILE: "" })).toBeNull();
    expect(rereadOf({ ADMIN_API_KEY_FILE: "/there" })).not.toBeNull();
  });

  it("are hidden from the log before they are used, and what is wrong is told once", async () => {
    const files: Record<string, string> = {};
    const { live } = settings(files);
    const secrets = new Set<string>();
    const told: string[] = [];
    const tell = (_fields: object, message: string) => void told.push(message);
    const onChange = () => void told.push(`changed, hidden: ${secrets.has(SECOND)}`);
    const log = { info: tell, warn: tell, error: tell };
    const end = watchSecrets(live, { secrets, log, onChange, everyMs: 1 });
    files["admin"] = "short";
    await expect.poll(() => told.length).toBe(1);
    files["admin"] = SECOND;
    await expect.poll(() => told.length).toBe(3);
    end();
    expect(told).toEqual([
      "changed secrets are not used: a setting is wrong",
      "secrets have changed, and those from now on are used",
      "changed, hidden: true",
    ]);
  });
});
