import { describe, expect, it } from "vitest";
import { type Config, ConfigFaults, readConfig } from "../src/config.ts";

const noFile = (): string => {
  throw new Error("no file is read");
};

function read(env: Record<string, string>): Config {
  return readConfig(env, noFile);
}

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env, noFile);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

const BOT_TOKEN = "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcBrzbqgy";
const APP_TOKEN = "xapp-1-A0123456789-1234567890-abcdef0123456789";
const SIGNING = "b3f1c0de9a7d4e2f8b6c5d4e3f2a1b0c";
const slack = { SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_APP_TOKEN: APP_TOKEN };

describe("Slack", () => {
  it("takes the socket where there is an app token, and http where there is only the signing secret", () => {
    const shared = { botToken: BOT_TOKEN, apiUrl: null, dm: "thread", stream: false };
    expect(read(slack).slack).toEqual({ ...shared, mode: "socket", appToken: APP_TOKEN });
    expect(read({ SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_SIGNING_SECRET: SIGNING }).slack).toEqual({
      ...shared,
      mode: "http",
      signingSecret: SIGNING,
    });
    const both = { ...slack, SLACK_SIGNING_SECRET: SIGNING };
    expect(read(both).slack?.mode).toBe("socket");
    expect(read({ ...both, SLACK_MODE: "http" }).slack?.mode).toBe("http");
  });

  it("takes direct messages as one talk, and another server, where that is said", () => {
    const config = read({ ...slack, SLACK_DM: "channel", SLACK_API_URL: "http://127.0.0.1:8080/api/" });
    expect(config.slack).toMatchObject({ dm: "channel", apiUrl: "http://127.0.0.1:8080/api" });
  });

  it("is off without a bot token", () => {
    expect(read({ SLACK_APP_TOKEN: APP_TOKEN, SLACK_SIGNING_SECRET: SIGNING, SLACK_MODE: "http" }).slack).toBeNull();
  });

  it.each([
    [{ SLACK_BOT_TOKEN: BOT_TOKEN }, "SLACK_APP_TOKEN is missing. Set it for Socket Mode, or SLACK_SIGNING_SECRET"],
    [{ SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_MODE: "socket" }, "SLACK_APP_TOKEN is missing."],
    [
      { SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_SIGNING_SECRET: SIGNING, SLACK_MODE: "socket" },
      "SLACK_APP_TOKEN is missing.",
    ],
    [{ ...slack, SLACK_MODE: "http" }, "SLACK_SIGNING_SECRET is missing: anybody could forge messages."],
    [{ ...slack, SLACK_BOT_TOKEN: APP_TOKEN }, "SLACK_BOT_TOKEN is not a token that starts with xoxb-."],
    [{ ...slack, SLACK_BOT_TOKEN: "xoxb-" }, "SLACK_BOT_TOKEN is not a token that starts with xoxb-."],
    [{ ...slack, SLACK_APP_TOKEN: BOT_TOKEN }, "SLACK_APP_TOKEN is not a token that starts with xapp-."],
    [{ ...slack, SLACK_APP_TOKEN: `${APP_TOKEN}\r\nx: 1` }, "SLACK_APP_TOKEN is not a token that starts with xapp-."],
    [{ SLACK_BOT_TOKEN: BOT_TOKEN, SLACK_SIGNING_SECRET: "c0de" }, "SLACK_SIGNING_SECRET is shorter than 24"],
    [{ ...slack, SLACK_SIGNING_SECRET: `${SIGNING} ${SIGNING}` }, "SLACK_SIGNING_SECRET may only hold"],
    [{ ...slack, SLACK_SIGNING_SECRET: "your-signing-secret-goes-here" }, "SLACK_SIGNING_SECRET is an example"],
  ])("says what is missing or wrong: %j", (env, says) => {
    expect(faultsOf(env)).toEqual([expect.stringContaining(says)]);
  });

  it("says all that is wrong at once", () => {
    const wrong = { SLACK_BOT_TOKEN: "x", SLACK_APP_TOKEN: "y", SLACK_SIGNING_SECRET: "z", SLACK_DM: "no" };
    const names = faultsOf(wrong).map((fault) => fault.split(" ")[0]);
    expect(new Set(names)).toEqual(new Set(Object.keys(wrong)));
  });

  it("ALLOWED_USERS takes the ids of a workspace and of an enterprise", () => {
    const users = ["slack:T1:U2", "slack:T1:W2", "slack:E1:U2", "slack:E1:W2"];
    expect(read({ ALLOWED_USERS: users.join() }).access.allowedUsers).toEqual(new Set(users));
  });
});
