import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { slackManifest } from "../../adapters/slack/slack-manifest.ts";
import { english } from "../../src/texts/english.ts";
import { runCli } from "../cli/run-cli.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const EXAMPLE = "https://parley.example.com";
const kept = (name: string): unknown => JSON.parse(readFileSync(path.join(ROOT, `docs/${name}`), "utf8"));

describe("the Slack app's manifest", () => {
  it("is kept for both ways in, as it is made", () => {
    expect(kept("slack-manifest.socket.json")).toEqual(slackManifest({ name: "Parley", publicUrl: null }));
    expect(kept("slack-manifest.http.json")).toEqual(slackManifest({ name: "Parley", publicUrl: EXAMPLE }));
  });

  it("names no address for Socket Mode, and the same one for events, buttons and commands otherwise", () => {
    const socket = slackManifest({ name: "Parley", publicUrl: null });
    expect(JSON.stringify(socket)).not.toContain("http");
    expect(socket.settings?.socket_mode_enabled).toBe(true);
    const http = slackManifest({ name: "Parley", publicUrl: EXAMPLE });
    expect(JSON.stringify(http).match(/https:[^"]+/g)).toEqual(Array(3).fill(`${EXAMPLE}/slack/events`));
    expect(http.settings?.socket_mode_enabled).toBe(false);
  });

  it("names every command there is", () => {
    const [command] = slackManifest({ name: "Parley", publicUrl: null }).features?.slash_commands ?? [];
    for (const word of Object.keys(english.commands).filter((name) => name !== "start")) {
      expect(command?.usage_hint).toMatch(new RegExp(`\\b${word}\\b`));
      expect(command?.description).toMatch(new RegExp(`\\b${word}\\b`));
    }
  });

  // https://docs.slack.dev/reference/app-manifest, and the comments of the types
  it("keeps Slack's limits, and asks to unfurl nothing", () => {
    const { display_information: shown, features } = slackManifest({ name: "Parley", publicUrl: EXAMPLE });
    expect(shown.name.length).toBeLessThanOrEqual(35);
    expect(shown.description?.length).toBeLessThanOrEqual(140);
    expect(features?.agent_view?.agent_description?.length).toBeLessThanOrEqual(300);
    expect(features?.agent_view?.suggested_prompts?.length).toBeLessThanOrEqual(4);
    expect(features?.bot_user?.display_name).toMatch(/^[a-z0-9._-]{1,80}$/);
    const [shortcut] =
      slackManifest({ name: "A name of thirty-five characters...", publicUrl: null }).features?.shortcuts ?? [];
    expect(shortcut?.name.length).toBeLessThanOrEqual(24);
    expect(shortcut?.description.length).toBeLessThanOrEqual(150);
    expect(features?.unfurl_domains).toBeUndefined();
  });

  it("is printed for whoever makes the app, and not for an address Slack does not call", async () => {
    const { out } = await runCli("parley-cli", ["manifest"], {}).over;
    expect(JSON.parse(out)).toEqual(kept("slack-manifest.socket.json"));
    const http = await runCli("parley-cli", ["manifest", "--http"], { PUBLIC_URL: `${EXAMPLE}/` }).over;
    expect(JSON.parse(http.out)).toEqual(kept("slack-manifest.http.json"));
    const refused = await runCli("parley-cli", ["manifest", "--http"], { PUBLIC_URL: "http://127.0.0.1" }).over;
    expect([refused.code, refused.out]).toEqual([2, ""]);
    expect(refused.err).toMatch(/^Slack calls https only: set PUBLIC_URL/);
  });
});
