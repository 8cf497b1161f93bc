import type { Agents } from "../agent/agents.ts";
import { busyPolicyFor } from "../agent/agent-settings.ts";
import { BUSY_POLICIES, type BusyPolicy } from "../agent/busy-policy.ts";
import { newId } from "../ids.ts";
import type { CommandMenu } from "../platform/command-menu.ts";
import { askCompaction, countUncompacted } from "../store/compactions.ts";
import { withdrawWaiting } from "../store/inbox.ts";
import { openSessionAt, type Place, placeSettings, setPlace } from "../store/places.ts";
import { sessionActivity } from "../store/runs.ts";
import type { Db } from "../store/schema.ts";
import { listRunRows } from "../store/list-runs.ts";
import { changeSession, findSession, insertSession, listSessions, stopSession } from "../store/talk-sessions.ts";
import { escapeMarkdown as escape } from "../texts/escape-markdown.ts";
import { LANGUAGES, type Texts } from "../texts/texts.ts";
import type { CommandWord } from "../texts/command-texts.ts";
import { agentFor } from "./agent-for.ts";
import { tellUsage } from "./tell-usage.ts";
import { isLinkCommand, type LinkWord } from "./link-commands.ts";
import { forget, listMemories } from "./memory-commands.ts";
import { chooseModel, listModels } from "./model-commands.ts";

/** Sessions `/sessions` lists. */
const LISTED = 10;
const TITLE_CHARS = 100;
/** Messages; fewer are as long as their summary. */
const WORTH_SUMMING_UP = 4;

type PrivateWord = LinkWord | "web";
type TalkWord = Exclude<CommandWord, PrivateWord>;

/** Those about a talk. */
export function isChatCommand(word: string): word is TalkWord {
  return Object.hasOwn(LANGUAGES["en"]!.commands, word) && !isPrivate(word);
}

/** About who somebody is: nothing for others to read. */
function isPrivate(word: string): word is PrivateWord {
  return isLinkCommand(word) || word === "web";
}

/** The words and what they do, as platforms show them in a menu. */
export function commandMenus(): CommandMenu[] {
  return Object.entries(LANGUAGES).map(([language, { commands }]) => ({
    language,
    commands: Object.entries(commands).map(([word, description]) => ({
      word,
      description,
      ...(isPrivate(word) ? { privateOnly: true as const } : {}),
    })),
  }));
}

/** What a command is about: `sign` goes before a command's word where it was given. */
export interface CommandScene {
  db: Db;
  agents: Agents;
  place: Place;
  sign: string;
  texts: Texts;
  /** What a message does where nobody has set it. */
  onBusy: BusyPolicy;
  /** As its sender's app says; left out: nobody knows. */
  language?: string;
}

/**
 * Carries a command out inside its accept transaction and returns what to answer, as Markdown. Repeats of the update
 * never get here.
 */
export async function runChatCommand(scene: CommandScene, command: TalkWord, args: string): Promise<string> {
  const given = args.trim();
  switch (command) {
    case "start":
      return hello(scene);
    case "help":
      return help(scene);
    case "new":
      return startNew(scene);
    case "stop":
      return stop(scene);
    case "status":
      return status(scene);
    case "sessions":
      return given === "" ? list(scene) : resume(scene, given);
    case "agent":
      return given === "" ? listAgents(scene) : chooseAgent(scene, given);
    case "model":
      return given === "" ? listModels(scene) : chooseModel(scene, given);
    case "mode":
      return given === "" ? listModes(scene) : setMode(scene, given.toLowerCase());
    case "title":
      return given === "" ? showTitle(scene) : setTitle(scene, given);
    case "compact":
      return compact(scene);
    case "memory":
      return listMemories(scene);
    case "forget":
      return forget(scene, given);
    case "usage":
      return tellUsage(scene);
    case "trace":
      return tellTrace(scene);
    default:
      return command satisfies never;
  }
}

async function tellTrace({ db, place, texts }: CommandScene): Promise<string> {
  const newest = { limit: 1, after: null };
  const [last] = await listRunRows(db, { kind: "all" }, { session: place.sessionId }, newest);
  return last ? texts.traceOf(last.trace_id, last.id) : texts.noTrace;
}

/** By the name of whoever answers here. */
async function hello(scene: CommandScene): Promise<string> {
  const { db, agents, place, texts } = scene;
  const session = await findSession(db, place.userId, place.sessionId);
  return texts.hello(escape(session?.agent ?? agents.default().name), help(scene));
}

export function help({ sign, texts }: Pick<CommandScene, "sign" | "texts">): string {
  return Object.entries(texts.commands)
    .map(([word, what]) => `${sign}${word} – ${what}`)
    .join("\n");
}

async function startNew({ db, agents, place, sign, texts }: CommandScene): Promise<string> {
  const stopped = await stopWork(db, place, texts);
  const session = newId("ses");
  const { agent } = await placeSettings(db, place.id);
  const card = agentFor(agents, place, agent);
  await insertSession(db, { id: session, userId: place.userId, agent: card.name, placeId: place.id });
  await openSessionAt(db, place.id, session);
  return `${texts.newTalk(sign)}${stopped}`;
}

async function stop({ db, place, texts }: CommandScene): Promise<string> {
  const { running } = await sessionActivity(db, place.sessionId);
  await stopSession(db, place.sessionId);
  const withdrawn = await withdrawWaiting(db, place.sessionId);
  return toldOfStop(running, withdrawn.length, texts);
}

export function toldOfStop(running: boolean, withdrawn: number, texts: Texts): string {
  if (!running && withdrawn === 0) return texts.nothingRuns;
  const also = withdrawn === 0 ? "" : ` ${texts.withdrawn(withdrawn)}`;
  return running ? `${texts.stopped}${also}` : `⏹${also}`;
}

/** Leaves a session for another: its run ends, what waits in it is withdrawn, and the person is told. */
async function stopWork(db: Db, place: Place, texts: Texts): Promise<string> {
  const { running } = await sessionActivity(db, place.sessionId);
  await stopSession(db, place.sessionId);
  const withdrawn = await withdrawWaiting(db, place.sessionId);
  const also = withdrawn.length > 0 ? [texts.withdrawn(withdrawn.length)] : [];
  const parts = [...(running ? [texts.answerStopped] : []), ...also];
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}

async function status({ db, place, texts }: CommandScene): Promise<string> {
  const session = await findSession(db, place.userId, place.sessionId);
  const { running, asks, waiting } = await sessionActivity(db, place.sessionId);
  const doing = asks ? texts.awaitsDecision : running ? texts.answering : texts.nothingRuns;
  const behind = waiting === 0 ? "" : ` ${texts.waiting(waiting)}`;
  const title = titled(session?.title, texts);
  return `${texts.statusOf(title, session?.agent ?? "", session?.headSeq ?? 0)}\n${doing}${behind}`;
}

async function list({ db, place, sign, texts }: CommandScene): Promise<string> {
  const sessions = await listSessions(db, place.userId, { limit: LISTED, place: place.id });
  const lines = sessions.map((session, index) => {
    const here = session.id === place.sessionId ? ` ${texts.thisOne}` : "";
    return `${index + 1}. ${titled(session.title, texts)} (${session.updatedAt.toISOString().slice(0, 10)})${here}`;
  });
  return `${lines.join("\n")}\n\n${texts.openOne(sign)}`;
}

async function resume({ db, place, sign, texts }: CommandScene, args: string): Promise<string> {
  const sessions = await listSessions(db, place.userId, { limit: LISTED, place: place.id });
  const chosen = /^\d{1,2}$/.test(args) ? sessions[Number(args) - 1] : undefined;
  if (!chosen) return texts.noSuchTalk(sign);
  if (chosen.id === place.sessionId) return texts.openAlready;
  const stopped = await stopWork(db, place, texts);
  await openSessionAt(db, place.id, chosen.id);
  return `${texts.goOnWith(titled(chosen.title, texts))}${stopped}`;
}

async function listAgents({ db, agents, place, sign, texts }: CommandScene): Promise<string> {
  const session = await findSession(db, place.userId, place.sessionId);
  const lines = agents.list().map(({ name, description }, index) => {
    const here = name === session?.agent ? ` ${texts.thisOne}` : "";
    const what = description === "" ? "" : ` – ${escape(description)}`;
    return `${index + 1}. **${escape(name)}**${what}${here}`;
  });
  return `${lines.join("\n")}\n\n${texts.chooseAgent(sign)}`;
}

/** From the next turn on; an answer under way is finished by whom it was begun. */
async function chooseAgent({ db, agents, place, sign, texts }: CommandScene, args: string): Promise<string> {
  const cards = agents.list();
  const chosen = /^\d{1,3}$/.test(args) ? cards[Number(args) - 1] : cards.find(({ name }) => same(name, args));
  if (!chosen) return texts.noSuchAgent(sign);
  await changeSession(db, place.userId, place.sessionId, { agent: chosen.name });
  await setPlace(db, place.id, { agent: chosen.name });
  return texts.agentChosen(escape(chosen.name));
}

async function listModes({ db, agents, place, sign, texts, onBusy }: CommandScene): Promise<string> {
  const { mode: set } = await placeSettings(db, place.id);
  const agent = (await findSession(db, place.userId, place.sessionId))?.agent ?? "";
  const mode = busyPolicyFor(agents.settings(), { agent, place, mode: set }) ?? onBusy;
  const lines = BUSY_POLICIES.map((policy) => {
    return `• **${policy}** – ${texts.modes[policy]}${policy === mode ? ` ${texts.thisOne}` : ""}`;
  });
  return `${lines.join("\n")}\n\n${texts.chooseMode(sign)}`;
}

async function setMode({ db, place, sign, texts }: CommandScene, wanted: string): Promise<string> {
  const policy = BUSY_POLICIES.find((each) => each === wanted);
  if (!policy && wanted !== "default") return texts.noSuchMode(sign);
  await setPlace(db, place.id, { mode: policy ?? null });
  return policy ? `**${policy}** – ${texts.modes[policy]}` : texts.modeCleared;
}

async function showTitle({ db, place, sign, texts }: CommandScene): Promise<string> {
  const session = await findSession(db, place.userId, place.sessionId);
  return texts.titleIs(titled(session?.title, texts), sign);
}

async function setTitle(scene: CommandScene, args: string): Promise<string> {
  const { db, place, texts } = scene;
  const title = [...args.replaceAll(/[\s\p{Cc}]+/gu, " ")].slice(0, TITLE_CHARS).join("").trim();
  if (title === "") return showTitle(scene);
  await changeSession(db, place.userId, place.sessionId, { title });
  return texts.titleSet(escape(title));
}

/** After the answers under way; what it did is told then. */
async function compact({ db, place, language = "", texts }: CommandScene): Promise<string> {
  if ((await countUncompacted(db, place.sessionId)) < WORTH_SUMMING_UP) return texts.nothingToSumUp;
  const { account, chat, thread, kind, sessionId: session, userId } = place;
  const target = { account, chat, thread, replyTo: null, placeKind: kind };
  await askCompaction(db, { session, userId, target, language });
  return texts.summingUp;
}

function titled(title: string | undefined, texts: Texts): string {
  return title ? escape(title) : texts.untitled;
}

function same(name: string, typed: string): boolean {
  return name.toLowerCase() === typed.toLowerCase();
}
