import { describe, expect, it } from "vitest";
import { ConfigFaults, readConfig } from "../src/config.ts";

const noFile = (): string => {
  throw new Error("no file is read");
};

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConfig(env, noFile);
  } catch (error) {
    if (error instanceof ConfigFaults) return error.faults;
    throw error;
  }
  return [];
}

describe("names nobody knows", () => {
  it.each([
    ["TELEGRAM_TOKEN", "TELEGRAM_BOT_TOKEN"],
    ["TELEGRAM_BOT_TOKNE", "TELEGRAM_BOT_TOKEN"],
    ["TELEGRAM_SECRET", "TELEGRAM_WEBHOOK_SECRET"],
    ["OPENAI_KEY", "OPENAI_API_KEY"],
    ["OPENAI_APIKEY", "OPENAI_API_KEY"],
    ["OPENAI_BASEURL", "OPENAI_BASE_URL"],
    ["OPENAI_API_KEY_FIEL", "OPENAI_API_KEY_FILE"],
    ["SLACK_TOKEN", "SLACK_BOT_TOKEN"],
    ["SLACK_SECRET", "SLACK_SIGNING_SECRET"],
    ["SLACK_BOT_TOKNE", "SLACK_BOT_TOKEN"],
    ["PARLEY_PORT", "PORT"],
    ["PARLEY_DATABASE_URL", "DATABASE_URL"],
  ])("%s is a slip for %s", (name, meant) => {
    expect(faultsOf({ [name]: "x" })).toEqual([`${name} is not a setting. Write ${meant}.`]);
  });

  it("PARLEY_ is ours alone", () => {
    expect(faultsOf({ PARLEY_COLOUR: "blue" })).toEqual(["PARLEY_COLOUR is not a setting. Remove it."]);
  });

  it.each([
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "OPENAI_ADMIN_KEY",
    "OPENAI_LOG",
    "OPENAI_API_VERSION",
    "OPENAI_API_TYPE",
    "TELEGRAM_CHAT_ID",
    "TELEGRAM_API_ID",
    "TELEGRAM_API_HASH",
    "TELEGRAM_LOCAL",
    "SLACK_API_TOKEN",
    "SLACK_WEBHOOK_URL",
    "SLACK_CHANNEL",
    "SLACK_CLIENT_SECRET",
    "SLACK_USER_TOKEN",
    "PARLEY_SERVICE_HOST",
    "PARLEY_PORT_3000_TCP_ADDR",
    "constructor",
    "__proto__",
  ])("%s belongs to somebody else", (name) => {
    expect(faultsOf(Object.fromEntries([[name, "x"]]))).toEqual([]);
  });

  it("leaves a second key alone when ours is set", () => {
    expect(faultsOf({ OPENAI_API_KEY: "sk-1", OPENAI_API_KEY2: "sk-2", OPENAI_KEY: "sk-3" })).toEqual([]);
  });

  it("does not mind the address Kubernetes puts into PARLEY_PORT", () => {
    expect(faultsOf({ PARLEY_PORT: "tcp://10.0.0.1:3000" })).toEqual([]);
  });
});
