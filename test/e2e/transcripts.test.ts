import { beforeAll, describe, expect, test } from "vitest";
import type { Script } from "../fakes/model/script.ts";
import type { JournalEntry } from "../fakes/model/journal.ts";
import type { FakeChat, FakeUser } from "../fakes/telegram/chats.ts";
import type { RunningGateway } from "../../src/main.ts";
import { isUnfitForPeople, type Scene, sceneOf } from "../support/e2e.ts";
import { asRead, atOnce, chatInTheEnd, file, hangingAfter, inTwo, saying } from "../support/transcript.ts";

/** When the last answer there is whole, which has no button any more. */
async function chatAsRead(scene: Scene, chat: FakeChat, thread?: number | null): Promise<string> {
  await scene.telegram.until(() => scene.telegram.botMessages(chat, thread).at(-1)?.keyboard === null, 30_000);
  return asRead(scene.telegram.transcript(chat, thread));
}

describe("a stranger", () => {
  const scene = sceneOf({ env: { ACCESS: "pairing" } });
  let running: RunningGateway;
  beforeAll(async () => {
    running = await scene().start();
  });

  test("first contact with pairing reads well", async () => {
    const { telegram, model } = scene();
    const { chat, user } = scene().person("Ann");
    telegram.say({ chat, from: user, text: "/start" });
    const asked = await telegram.until(() => telegram.botMessages(chat)[0]);
    telegram.say({ chat, from: user, text: "let me in!" });
    await telegram.until(() => telegram.botMessages(chat).length === 2);
    expect(model.requests).toEqual([]);
    const code = /[2-9A-Z]{8}/.exec(asked?.text ?? "")?.[0];
    expect((await scene().api(running, "POST", `/v1/pairings/${code}/approve`)).status).toBe(200);
    model.script(() => atOnce("Hello Ann, nice to meet you."));
    telegram.say({ chat, from: user, text: "/start" });
    await telegram.until(() => telegram.botMessages(chat).length === 3);
    await scene().converse(chat, user, "hello");
    await expect(await chatAsRead(scene(), chat)).toMatchFileSnapshot(file("first-contact"));
  });
});

describe("people who are known", () => {
  const scene = sceneOf({});
  beforeAll(async () => {
    await scene().start();
  });
  const stage = () => new Stage(scene());

  test("a plain question and a second one", async () => {
    const { ask, shows, answers, reads } = stage();
    const ann = scene().person("Ann");
    answers({
      sea: inTwo("The sea is salty because rivers carry dissolved", " minerals into it, and only water leaves."),
      Dead: atOnce("**Not quite**: the Dead Sea is a *lake*, with `34 %` salt.\n\n- Dead Sea\n- Red Sea"),
    });
    await ask(ann, "why is the sea salty?");
    await shows(ann, "The sea is salty because rivers carry dissolved minerals into it, and only water leaves.");
    await ask(ann, "so the Dead one is the saltiest?");
    await shows(ann, "Not quite: the Dead Sea is a lake, with 34 % salt.\n\n• Dead Sea\n• Red Sea");
    await reads("plain-question", ann);
  });

  test("an interrupt", async () => {
    const { ask, shows, answers, reads } = stage();
    const ann = scene().person("Ann");
    answers({ poem: hangingAfter("Shall I compare thee to a summer's day?"), short: atOnce("Roses are red.") });
    await ask(ann, "write me a poem");
    await shows(ann, "Shall I compare thee to a summer's day?");
    await ask(ann, "a short one please");
    await shows(ann, "Roses are red.");
    await reads("interrupt", ann);
  });

  test("a stop, and a second one when there is nothing to stop", async () => {
    const { ask, shows, answers, reads, say } = stage();
    const ann = scene().person("Ann");
    answers({ poem: hangingAfter("Shall I compare thee to a summer's day?"), still: atOnce("I am.") });
    const request = await ask(ann, "write me a poem");
    await shows(ann, "Shall I compare thee to a summer's day?");
    say(ann, "/stop");
    await shows(ann, "Shall I compare thee to a summer's day?\n\n⏹ Stopped.");
    await scene().model.until(() => request.closedBy === "client");
    await shows(ann, "⏹ Stopped.");
    say(ann, "/stop");
    await shows(ann, "Nothing is running.");
    await ask(ann, "are you still there?");
    await shows(ann, "I am.");
    await reads("stop", ann);
  });

  test("/new, /status and /sessions", async () => {
    const { ask, shows, answers, reads, say } = stage();
    const ann = scene().person("Ann");
    answers({ blue: atOnce("Noted: *blue*."), colour: atOnce("You have not told me."), again: atOnce("Blue.") });
    await ask(ann, "my colour is blue");
    await shows(ann, "Noted: blue.");
    say(ann, "/new");
    await shows(ann, "A new talk begins; I remember nothing of the old one here. /sessions brings it back.");
    await ask(ann, "what is my favourite colour?");
    await shows(ann, "You have not told me.");
    say(ann, "/sessions");
    await scene().telegram.until(() => scene().telegram.botMessages(ann.chat).length === 4);
    say(ann, "/sessions 2");
    await shows(ann, "We go on with my colour is blue.");
    await ask(ann, "and again?");
    await shows(ann, "Blue.");
    say(ann, "/status");
    await scene().telegram.until(() => scene().telegram.botMessages(ann.chat).length === 7);
    say(ann, "/dance");
    await scene().telegram.until(() => scene().telegram.botMessages(ann.chat).length === 8);
    await reads("new-and-sessions", ann);
  });

  test("a group with two people: who is addressed, who may interrupt, who waits", async () => {
    const { ask, shows, answers, reads, say } = stage();
    const chat = scene().telegram.group(-7001, "the garden");
    const ann = { ...scene().person("Ann"), chat };
    const bob = { ...scene().person("Bob"), chat };
    answers({
      "when do": inTwo("Tomatoes go out after the last frost,", " usually in May.", 5_000),
      "and when": atOnce("Beans as well, Bob."),
      thanks: atOnce("You are welcome."),
    });
    say(ann, "Bob, shall we ask the bot?");
    say(bob, "go on");
    const request = await ask(ann, "when do I plant tomatoes?");
    await shows(ann, "Tomatoes go out after the last frost,");
    say(bob, `and when beans, @${scene().telegram.botUsername}?`);
    await shows(bob, "⏳ I answer this after the running one.");
    await shows(bob, "Beans as well, Bob.");
    await scene().telegram.until(() => scene().telegram.botMessages(chat).length === 2);
    expect(request.closedBy).toBe("server");
    const [answer] = scene().telegram.botMessages(chat);
    scene().telegram.say({ chat, from: bob.user, text: "thanks", replyTo: answer!.messageId });
    await shows(bob, "You are welcome.");
    const last = scene()
      .model.requests.at(-1)!
      .messages.map(({ role, content }) => `${role}: ${content as string}`);
    expect(last.slice(1)).toEqual([
      "user: [Ann] when do I plant tomatoes?",
      "assistant: Tomatoes go out after the last frost, usually in May.",
      `user: [Bob] and when beans, @${scene().telegram.botUsername}?`,
      "assistant: Beans as well, Bob.",
      "user: [Bob] [answers what Parley wrote:]\n> Tomatoes go out after the last frost, usually in May.\n[end]\nthanks",
    ]);
    await reads("group", { chat });
  });

  test("two topics of a forum, and General", async () => {
    const { ask, shows, answers, reads } = stage();
    const { telegram } = scene();
    const chat = telegram.group(-1_000_000_007_002, "the club", { forum: true });
    const ann = { ...scene().person("Ann"), chat };
    const [cooking, music] = [telegram.topic(chat, "cooking").id, telegram.topic(chat, "music").id];
    answers({ soup: atOnce("With salt."), song: atOnce("In the key of C."), rules: atOnce("Be kind.") });
    await ask({ ...ann, thread: cooking }, "how do I make soup?");
    await shows({ ...ann, thread: cooking }, "With salt.");
    await ask({ ...ann, thread: music }, "how do I sing this song?");
    await shows({ ...ann, thread: music }, "In the key of C.");
    await ask(ann, "what are the rules?");
    await shows(ann, "Be kind.");
    expect(telegram.botMessages(chat).map(({ thread }) => thread)).toEqual([cooking, music, null]);
    await reads("forum-topics", { chat });
  });

  test("a person who blocks the bot in the middle of an answer, and comes back", async () => {
    const { ask, shows, answers, reads } = stage();
    const ann = scene().person("Ann");
    answers({
      story: inTwo("Once upon a time there was a fox", " who could not sleep at all."),
      back: atOnce("Welcome back."),
    });
    const request = await ask(ann, "tell me a story");
    await shows(ann, "Once upon a time there was a fox");
    scene().telegram.blockBot(ann.chat);
    await scene().model.until(() => request.closedAt !== null);
    await scene().telegram.until(() => scene().telegram.calls("editMessageText", ann.chat).length > 0);
    scene().telegram.unblockBot(ann.chat);
    await ask(ann, "I am back");
    await shows(ann, "Welcome back.");
    await reads("blocked", ann);
  });
});

describe("bad days of a model", () => {
  const scene = sceneOf({ requestParams: "streaming_timeout: 3" });
  beforeAll(async () => {
    await scene().start();
  });

  test("a model that fails in every way it can", async () => {
    const { ask, answers } = new Stage(scene());
    const ann = scene().person("Ann");
    const cut = { ...inTwo("The answer begins well enough, but then", " it ends."), chunkEveryMs: 50 };
    const faults: Record<string, Script> = {
      "is it there": { fault: "500", retryAfter: 3600 },
      "is it busy": { fault: "429", retryAfter: 3600 },
      "is the key right": { fault: "401" },
      "does it end": { ...cut, fault: "truncate" },
      "does it stall": { ...cut, fault: "stall-mid" },
      "does it read": { ...cut, fault: "malformed" },
      "does it speak": { fault: "empty" },
      "does it like me": { text: "I cannot help with that.", chunkChars: 1_000, fault: "refusal" },
      "does a filter": { ...cut, fault: "content-filter" },
    };
    answers(faults);
    for (const [index, words] of Object.keys(faults).entries()) {
      await ask(ann, `${words}?`);
      await scene().telegram.until(() => scene().telegram.botMessages(ann.chat)[index]?.text.includes("⚠️"), 10_000);
    }
    await expect(chatInTheEnd(scene(), ann.chat)).toMatchFileSnapshot(file("failing-model"));
  });
});

describe("a bad day of a gateway", () => {
  const scene = sceneOf({});
  let running: RunningGateway;
  beforeAll(async () => {
    running = await scene().start();
  });

  test("it ends in the middle of an answer", async () => {
    const { ask, shows, answers, reads } = new Stage(scene());
    const ann = scene().person("Ann");
    answers({ story: hangingAfter("Once upon a time there was a fox") });
    await ask(ann, "tell me a story");
    await shows(ann, "Once upon a time there was a fox");
    answers({ story: inTwo("Once upon a time there was a fox", " who could not sleep at all.") });
    await scene().start();
    await scene().stop(running);
    await shows(ann, "Once upon a time there was a fox who could not sleep at all.");
    await reads("hand-over", ann);
  });
});

describe("what people read", () => {
  test("is checked for tokens, stacks, SQL and paths in every scene", () => {
    const unfit = [
      "Call to https://api.telegram.org/bot4711000001:AAFakeTokenOnlyForTests_0123456789a failed",
      "Incorrect API key provided: sk-abc.",
      "TypeError: x is not a function",
      "    at Object.run (file.ts:3:14)",
      'insert into "inbox" values ($1)',
      'relation "lanes" does not exist',
      "ENOENT: no such file, open '/var/lib/parley/x'",
    ];
    expect(unfit.filter((text) => !isUnfitForPeople(text))).toEqual([]);
    expect(["Select a colour from these.", "I was updated. Where? /help", "10:30"].filter(isUnfitForPeople)).toEqual(
      [],
    );
  });
});

type Voice = { chat: FakeChat; user: FakeUser; thread?: number };

/** The verbs of a conversation. */
class Stage {
  readonly #scene: Scene;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** What the model says to turns in which these words are the last ones. */
  readonly answers = (script: Record<string, Script>): void => {
    this.#scene.model.script(saying(script));
  };

  readonly say = ({ chat, user, thread }: Voice, text: string): void => {
    this.#scene.telegram.say({ chat, from: user, text, ...(thread === undefined ? {} : { thread }) });
  };

  readonly ask = ({ chat, user, thread }: Voice, text: string): Promise<JournalEntry> =>
    this.#scene.ask(chat, user, text, thread);

  readonly shows = ({ chat, thread }: Voice, text: string): Promise<void> =>
    this.#scene.shows(chat, text, thread === undefined ? {} : { thread });

  readonly reads = async (name: string, { chat, thread }: Pick<Voice, "chat" | "thread">): Promise<void> => {
    await expect(await chatAsRead(this.#scene, chat, thread)).toMatchFileSnapshot(file(name));
  };
}
