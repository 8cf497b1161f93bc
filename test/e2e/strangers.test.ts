import { beforeAll, describe, expect, test } from "vitest";
import { sceneOf } from "../support/e2e.ts";

/** One bot for each policy; on the last one everybody may talk. */
const TOKENS = ["a", "b", "c"].map((end, index) => `471100000${index + 1}:AAFakeTokenOnlyForTests_0123456789${end}`);
const [PAIRING, ALLOWLIST, OPEN] = [0, 1, 2] as const;
const ANN = 900_001;
const MALLORY = 900_666;
const GROUP = -8_001;

describe("on Postgres", () => {
  const scene = sceneOf({ telegram: { tokens: TOKENS } });
  beforeAll(async () => {
    await scene().start({ bot: PAIRING, env: { ACCESS: "pairing" } });
    await scene().start({ bot: ALLOWLIST, env: { ACCESS: "allowlist", ALLOWED_USERS: `telegram:${ANN}` } });
    await scene().start({ bot: OPEN });
    scene().telegram.user(ANN, "Ann");
    scene().telegram.user(MALLORY, "Mallory");
    for (const bot of TOKENS.keys()) {
      for (const id of [ANN, MALLORY]) scene().telegram.privateChat(scene().telegram.user(id), bot);
      scene().telegram.group(GROUP, "a group", { bot });
    }
  });

  /** Everything that was sent is stored: the bot has acknowledged it. */
  async function settled(bot: number): Promise<void> {
    await scene().telegram.until(() => scene().telegram.pendingUpdates(bot) === 0);
  }

  const requests = () => scene().model.requests.length;
  const callsTo = (bot: number, chat: number) =>
    scene().telegram.journal.filter((call) => call.bot === bot && call.chat === chat);

  test.each(["pairing", "allowlist"] as const)(
    "security-12: no kind of update from a stranger reaches the model or makes the bot speak in a group, with ACCESS=%s",
    async (policy) => {
      const bot = policy === "pairing" ? PAIRING : ALLOWLIST;
      const { telegram } = scene();
      const before = requests();
      const kinds = updatesFrom(person(MALLORY, "Mallory"), telegram.bots[bot]!.username, telegram.bots[bot]!.id);
      for (const update of kinds) telegram.sendRaw(update, bot);
      await settled(bot);
      telegram.sendRaw({ message: { ...written(person(MALLORY, "Mallory"), MALLORY), text: "the last one" } }, bot);
      await settled(bot);
      await scene().converse(telegram.bots[OPEN]!.chats.get(ANN)!, telegram.user(ANN), "anything yet?");
      expect(requests()).toBe(before + 1);
      expect(callsTo(bot, GROUP)).toEqual([]);
      const stranger = telegram.bots[bot]!.chats.get(MALLORY)!;
      await telegram.until(() => telegram.botMessages(stranger).length === 5, 10_000);
      await scene().converse(telegram.bots[OPEN]!.chats.get(ANN)!, telegram.user(ANN), "and now?");
      const told = telegram.botMessages(stranger).map(({ text }) => text);
      expect(told.filter((text) => !text.startsWith("I do not know you yet."))).toEqual([]);
      // As often as a code is told in an hour, whatever a stranger sends.
      expect(told).toHaveLength(5);
      expect(told[0]).toMatch(
        policy === "pairing" ? /this code within an hour: [2-9A-Z]{8}$/ : /list, as telegram:900666\.$/,
      );
    },
  );

  test("security-14: what bots say, this one included, starts nothing, whoever may talk to it", async () => {
    const { telegram, model } = scene();
    const { username, id } = telegram.bots[OPEN]!;
    const mention = mentioning(username);
    const bots = [
      { ...person(4_712, "Other bot"), is_bot: true },
      { ...person(id, "Parley"), is_bot: true, username },
    ];
    for (const from of bots) {
      telegram.sendRaw({ message: { ...written(from, GROUP), ...mention } }, OPEN);
      telegram.sendRaw({ message: { ...written(from, MALLORY), text: "hello bot" } }, OPEN);
      telegram.sendRaw({ edited_message: { ...written(from, GROUP), ...mention, edit_date: seconds() } }, OPEN);
    }
    // A channel's post in its discussion group, which names the bot.
    const channel = { id: -1_000_000_000_777, type: "channel", title: "News" };
    telegram.sendRaw(
      { message: { ...written(bots[0]!, GROUP), ...mention, sender_chat: channel, is_automatic_forward: true } },
      OPEN,
    );
    await settled(OPEN);
    const before = requests();
    await scene().converse(telegram.bots[OPEN]!.chats.get(ANN)!, telegram.user(ANN), "I am no bot");
    expect(model.requests.length).toBe(before + 1);
    expect(callsTo(OPEN, GROUP)).toEqual([]);
  });

  test("security-15: in a group only those who are allowed are heard, and only when they address the bot", async () => {
    const { telegram, model } = scene();
    const group = telegram.bots[ALLOWLIST]!.chats.get(GROUP)!;
    const [ann, mallory] = [telegram.user(ANN), telegram.user(MALLORY)];
    const call = `@${telegram.bots[ALLOWLIST]!.username}`;
    const before = requests();
    telegram.say({ chat: group, from: ann, text: "nice weather today" });
    telegram.say({ chat: group, from: mallory, text: `${call} tell me everything` });
    telegram.say({ chat: group, from: mallory, text: `/new${call}` });
    const request = await scene().ask(group, ann, "is it?");
    await scene().model.until(() => request.closedAt !== null);
    await scene().shows(group, request.sentText);
    const [answer] = telegram.botMessages(group);
    telegram.say({ chat: group, from: mallory, text: "and me?", replyTo: answer!.messageId });
    // An administrator who writes in the group's name could be anybody.
    const anonymous = { ...person(1_087_968_824, "Group"), is_bot: true, username: "GroupAnonymousBot" };
    const asGroup = { sender_chat: { id: GROUP, type: "group", title: "a group" } };
    telegram.sendRaw(
      { message: { ...written(anonymous, GROUP), ...mentioning(call.slice(1)), ...asGroup } },
      ALLOWLIST,
    );
    await settled(ALLOWLIST);
    await scene().converse(group, ann, "and again?");
    expect(model.requests.slice(before).map(({ messages }) => messages.at(-1)?.content)).toEqual([
      "[Ann] is it?",
      "[Ann] and again?",
    ]);
    expect(telegram.botMessages(group)).toHaveLength(2);
  });
});

const person = (id: number, name: string) => ({ id, is_bot: false, first_name: name });
const seconds = () => Math.floor(Date.now() / 1000);
let messageIds = 50_000;

/** The envelope of a message in a private chat (a positive id) or in the group. */
function written(from: object, chat: number): Record<string, unknown> {
  const place = chat > 0 ? { id: chat, type: "private" } : { id: chat, type: "group", title: "a group" };
  return { message_id: ++messageIds, date: seconds(), from, chat: place };
}

function mentioning(username: string): object {
  const text = `@${username} tell me everything`;
  return { text, entities: [{ type: "mention", offset: 0, length: username.length + 1 }] };
}

/** Everything that somebody can make the platform send, in private and in the group. */
function updatesFrom(from: { id: number }, username: string, botId: number): object[] {
  const mention = mentioning(username);
  const command = (text: string) => ({ text, entities: [{ type: "bot_command", offset: 0, length: text.length }] });
  const me = { id: botId, is_bot: true, first_name: "Parley", username };
  const ours = { ...written(me, GROUP), text: "an answer" };
  const inPrivate = () => written(from, from.id);
  const inGroup = () => written(from, GROUP);
  const member = { user: me, status: "member" };
  return [
    { message: { ...inPrivate(), text: "hello" } },
    { message: { ...inPrivate(), ...command("/start") } },
    { message: { ...inPrivate(), ...command("/new") } },
    {
      message: { ...inPrivate(), caption: "look", photo: [{ file_id: "x", file_unique_id: "y", width: 1, height: 1 }] },
    },
    { message: { ...inPrivate(), text: "forwarded", forward_origin: { type: "user", date: 1, sender_user: from } } },
    { message: { ...inGroup(), ...mention } },
    { message: { ...inGroup(), ...command(`/new@${username}`) } },
    { message: { ...inGroup(), text: "and so?", reply_to_message: ours } },
    { edited_message: { ...inPrivate(), text: "hello again", edit_date: seconds() } },
    { edited_message: { ...inGroup(), ...mention, edit_date: seconds() } },
    { channel_post: { ...inGroup(), ...mention, chat: { id: -1_000_000_000_778, type: "channel", title: "News" } } },
    { edited_channel_post: { ...inGroup(), ...mention, chat: { id: -1_000_000_000_778, type: "channel" } } },
    { business_message: { ...inPrivate(), text: "hello", business_connection_id: "b" } },
    { guest_message: { ...inPrivate(), text: "hello", guest_query_id: "g" } },
    { callback_query: { id: "1", from, chat_instance: "1", data: "approve", message: ours } },
    { callback_query: { id: "2", from, chat_instance: "1", data: "approve", message: { ...inPrivate(), text: "x" } } },
    { inline_query: { id: "3", from, query: "hello", offset: "" } },
    { chosen_inline_result: { result_id: "1", from, query: "hello" } },
    {
      message_reaction: {
        ...inPrivate(),
        user: from,
        old_reaction: [],
        new_reaction: [{ type: "emoji", emoji: "👍" }],
      },
    },
    {
      message_reaction: { ...inGroup(), user: from, old_reaction: [], new_reaction: [{ type: "emoji", emoji: "👍" }] },
    },
    { poll_answer: { poll_id: "1", user: from, option_ids: [0] } },
    { my_chat_member: { ...inGroup(), old_chat_member: { user: me, status: "left" }, new_chat_member: member } },
    { my_chat_member: { ...inPrivate(), old_chat_member: { user: me, status: "kicked" }, new_chat_member: member } },
    { chat_member: { ...inGroup(), old_chat_member: member, new_chat_member: member } },
    { chat_join_request: { ...inGroup(), user_chat_id: from.id } },
    { stopped_message_generation: { chat: { id: from.id, type: "private" }, draft_id: 1 } },
    { purchased_paid_media: { from, paid_media_payload: "x" } },
    { a_kind_of_next_year: { from, chat: { id: from.id, type: "private" }, text: "hello" } },
  ];
}
