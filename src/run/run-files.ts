import type { AgentCard } from "../agent/agent-card.ts";
import { memoryInGroup } from "../agent/agent-settings.ts";
import { withChildren } from "../agent/children.ts";
import { joinTools } from "../agent/join-tools.ts";
import type { Message } from "../agent/message.ts";
import type { ModelClient } from "../agent/model-client.ts";
import type { ToolSource } from "../agent/tool-source.ts";
import type { FileId } from "../ids.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { keepMade } from "../store/files.ts";
import { recall } from "../store/memories.ts";
import { textsFor } from "../texts/texts.ts";
import { memoryTools, withFacts } from "./memory-tools.ts";
import { unreadFiles } from "./prepare-turn.ts";
import { joinSaid } from "./resume.ts";
import { RunHistory } from "./run-history.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import { authorsOf, type TurnInput } from "./turn.ts";
import { RunToolGuard } from "./tool-guard.ts";
import { withSendFile } from "./send-file-tool.ts";
import { windowImages } from "./window-images.ts";

export interface RunFilesParts {
  room: RunRoom;
  claimed: ClaimedRun;
  signal: AbortSignal;
  /** Waits for a database that is away. */
  surely: <T>(work: () => Promise<T>) => Promise<T>;
  /** The run has used what it may. */
  usedUp: () => boolean;
}

/** The history, files and tools of one attempt of a run: what came with its messages, what its agent sends and calls. */
export class RunFiles {
  /** What the model is shown; grows with what joins the run. */
  readonly images = new Map<FileId, { mediaType: string; base64: string }>();
  /** What the person is told of files that could not be read, as Markdown. */
  unread = "";
  /** As it was set up when the attempt began. */
  readonly model: ModelClient;
  /** Null = it was not opened. */
  history: RunHistory | null = null;
  readonly #parts: RunFilesParts;
  readonly #guard: RunToolGuard;

  constructor(parts: RunFilesParts) {
    this.#parts = parts;
    this.model = parts.room.model.pinned?.() ?? parts.room.model;
    this.#guard = new RunToolGuard(parts.room, parts.claimed, parts.surely);
  }

  /** Reads what the agent knows of the talk. */
  async openHistory(card: AgentCard): Promise<RunHistory> {
    const { room, claimed: run, surely } = this.#parts;
    this.history = await RunHistory.open({ room, run, card, model: this.model, surely });
    return this.history;
  }

  /** The inputs as the model is to see them; null = the run belongs to another attempt. `first`: of its session. */
  async prepare(inputs: TurnInput[], first: boolean): Promise<TurnInput[] | null> {
    const { room, claimed, signal, surely } = this.#parts;
    await this.meet(inputs.map(({ message }) => message));
    const prepared = await room.turns.prepare({ run: claimed, inputs, adapter: this.#adapter, first, signal, surely });
    if (prepared && claimed.target) {
      this.unread = joinSaid([this.unread, unreadFiles(prepared, textsFor(claimed.language))]);
    }
    return prepared;
  }

  /** Takes note of who has said these messages of the run: its tools are what all of them may use. */
  async meet(messages: readonly Message[]): Promise<void> {
    await this.#guard.meet(authorsOf(messages));
  }

  /** Has the newest pictures of these messages shown to the model. */
  async show(messages: readonly Message[]): Promise<void> {
    const { room, claimed, surely } = this.#parts;
    const images = await surely(() => windowImages(room.db, claimed.session, messages));
    for (const [file, image] of images) this.images.set(file, image);
  }

  /** The turn as the model is to see it, with what the agent remembers of whom it talks to. */
  async recall(card: AgentCard, turn: readonly Message[]): Promise<readonly Message[]> {
    if (!this.#remembers(card)) return turn;
    const { room, claimed, surely } = this.#parts;
    const { facts, ofPlace } = await surely(() => recall(room.db, claimed.session, card.name));
    return ofPlace && !this.#inGroup ? turn : withFacts(turn, facts);
  }

  /** Those of the agent whose card it is; `today` is for the agents it calls, who send no files. */
  tools(card: AgentCard, today: string): ToolSource {
    const { room, claimed, surely, usedUp } = this.#parts;
    const own = withSendFile(this.#toolsOf(card), {
      run: claimed.id,
      shown: !claimed.target || this.#adapter?.files !== undefined,
      keep: (file) => surely(() => keepMade(room.db, claimed, file)),
    });
    const all = withChildren(card, own, {
      find: (name) => room.agents.get(name),
      toolsOf: (child) => this.#guard.ofChild(child.name, this.#toolsOf(child)),
      runner: room.runner,
      model: this.model,
      images: this.images,
      usedUp,
      today,
    });
    return this.#guard.own(all);
  }

  #toolsOf(card: AgentCard): ToolSource {
    const { room, claimed, surely } = this.#parts;
    const tools = room.toolsFor(card, claimed.session);
    if (!this.#remembers(card)) return tools;
    const { db } = room;
    return joinTools([tools, memoryTools({ db, run: claimed, agent: card.name, inGroup: this.#inGroup, surely })]);
  }

  /** The operator grants it to the agent; in a group also to the place. */
  #remembers({ name }: AgentCard): boolean {
    const { room, claimed } = this.#parts;
    const granted = room.agents.settings().agents.get(name)?.tools?.includes("memory") ?? false;
    return granted && (claimed.target?.placeKind !== "group" || this.#inGroup);
  }

  get #inGroup(): boolean {
    const { room, claimed } = this.#parts;
    return claimed.target !== null && memoryInGroup(room.agents.settings(), claimed.target);
  }

  get #adapter(): PlatformAdapter | undefined {
    const { room, claimed } = this.#parts;
    return claimed.target ? room.delivery.adapter(claimed.target.account) : undefined;
  }
}
