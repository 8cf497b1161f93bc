import { readdirSync, readFileSync } from "node:fs";
import { readSlackEvent } from "../../adapters/slack/read-slack-event.ts";
import { readSlackCommand, readSlackInteraction } from "../../adapters/slack/read-slack-interaction.ts";
import type { SlackBot, SlackPerson } from "../../adapters/slack/slack-content.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";

export const BOT: SlackBot = {
  install: "T1",
  teamId: "T1",
  enterpriseId: null,
  userId: "U0BOT",
  appId: "A1",
  name: "Parley",
  dm: "thread",
};

/** When the fixtures of commands are received. */
const RECEIVED_AT = 1_790_000_100_000;

type Json = Record<string, unknown>;

export interface Fixture {
  about: string;
  reader: "event" | "interaction" | "command";
  bot?: Partial<SlackBot> & { people?: Record<string, SlackPerson> };
  given: Json & { event?: Json };
  read: IncomingUpdate;
}

const FOLDER = new URL("events/", import.meta.url);

export const FIXTURES = readdirSync(FOLDER)
  .toSorted()
  .map((file) => file.replace(".json", ""));

export function fixture(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8")) as Fixture;
}

export function readWith(reader: Fixture["reader"], given: unknown, bot: SlackBot = BOT): IncomingUpdate {
  if (reader === "event") return readSlackEvent(given, bot);
  if (reader === "interaction") return readSlackInteraction(given, bot);
  return readSlackCommand(given, bot, RECEIVED_AT);
}

export function botOf({ bot: { people, ...bot } = {} }: Fixture): SlackBot {
  return { ...BOT, ...bot, ...(people ? { person: (id: string) => people[id] } : {}) };
}
