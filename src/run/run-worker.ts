import { setTimeout as sleep } from "node:timers/promises";
import { HAND_OVER, type Joining } from "../agent/agent-runner.ts";
import { withChosenModel } from "../agent/chosen-model.ts";
import { makeClone } from "../agent/clone.ts";
import { type FinalRunEvent, innermost, isFinal, type RunEvent, type RunWaiting } from "../agent/run-event.ts";
import { mayBeNative } from "../delivery/find-drafts.ts";
import { LiveReply } from "../delivery/live-reply.ts";
import { renderGrowing } from "../delivery/page-plan.ts";
import { errorCode } from "../errors.ts";
import { newId, type MessageId, type OutboxId } from "../ids.ts";
import type { Log, PlatformAdapter } from "../platform/platform-adapter.ts";
import type { OutboxPage } from "../store/outbox.ts";
import { handOverRun, type Merge } from "../store/runs.ts";
import type { RunTarget } from "../store/schema.ts";
import { retrying } from "../store/transaction.ts";
import { textsFor } from "../texts/texts.ts";
import { Answer } from "./answer.ts";
import { planAnswer } from "./plan-answer.ts";
import { WHOLE_NAME } from "./plan-final.ts";
import { compactTalk } from "./compaction-run.ts";
import type { ClaimedRun } from "./claimed-run.ts";
import { type EndBeforeStart, endBeforeStart } from "./end-before-start.ts";
import { decisionsFor, pauseForPeople } from "./pause-run.ts";
import { finalPages } from "./final-pages.ts";
import type { RunLog } from "./event-log.ts";
import { RunFiles } from "./run-files.ts";
import type { RunRoom } from "./run-room.ts";
import type { RunTrace, TracedCard } from "./run-trace.ts";
import { begun, type Remains } from "./resume.ts";
import { takeOver } from "./take-over.ts";
import { datedIfOld, handedOver, titleFrom, type TurnInput } from "./turn.ts";
import { steerWaiting } from "./steer-waiting.ts";
import { UsageTally } from "./usage-tally.ts";

const STOPPED = { type: "run.cancelled", by: "stop" } as const;

type Ending = "stop" | "interrupt" | "shutdown" | "place_gone" | "timeout";

/** One run must be over by then, whatever its model and tools do. */
const TOTAL_MS = 15 * 60_000;
const RETRY_MS = 500;

/**
 * Carries one attempt of a run from its clone to its merge. Everything it writes is fenced by the attempt; a worker
 * that lost its run stops without another word.
 */
export class RunWorker {
  readonly claimed: ClaimedRun;
  readonly #room: RunRoom;
  readonly #log: Log;
  readonly #events: RunLog;
  readonly #abort = new AbortController();
  readonly #claimedAt = performance.now();
  #ending: Ending | null = null;
  #lost = false;
  #merging = false;
  #steerable = false;
  #live: LiveReply | null = null;
  #turn: TurnInput[] = [];
  readonly #files: RunFiles;
  readonly #usage: UsageTally;
  readonly #trace: RunTrace;
  #answer = new Answer([]);
  #cardVersion: string | null = null;
  #knownPages: OutboxPage[] = [];
  /** False until it is known what the attempts before this one said. */
  #knowsItsWords: boolean;

  constructor(room: RunRoom, claimed: ClaimedRun, log: Log) {
    this.#room = room;
    this.claimed = claimed;
    this.#log = log;
    this.#knowsItsWords = claimed.turn !== null;
    this.#usage = new UsageTally(claimed, room.agents.settings());
    this.#files = new RunFiles({
      room,
      claimed,
      signal: this.#abort.signal,
      surely: (work) => this.#surely(work),
      usedUp: () => this.#usage.usedUp,
    });
    this.#trace = room.traces.open(claimed);
    this.#events = room.events.open(claimed.session, claimed.id, claimed.attempt);
  }

  /** Ends the run soon; the first reason counts. */
  end(reason: Ending): void {
    if (this.#merging) return;
    this.#ending ??= reason;
    this.#abort.abort(this.#ending === "shutdown" ? HAND_OVER : undefined);
  }

  /** Another attempt owns the run: nothing is written or sent any more. */
  lose(): void {
    if (this.#merging) return;
    this.#lost = true;
    this.#abort.abort();
  }

  /** Nothing was said or done yet: what comes now may join the turn as if it had been there. */
  get isSilent(): boolean {
    return this.#turn.length > 0 && this.#knowsItsWords && this.#answer.silent && !this.#live?.shown && !this.#merging;
  }

  get isMerging(): boolean {
    return this.#merging;
  }

  /** Something waits that may join the run at its next boundary. */
  offerSteering(): void {
    this.#steerable = true;
  }

  /** Never rejects. */
  async work(): Promise<void> {
    const total = setTimeout(() => this.end("timeout"), TOTAL_MS);
    try {
      const remains = await this.#prepare();
      const end = this.claimed.end ? this.#endHere(this.claimed.end, remains) : await this.#run(remains);
      await this.#live?.close();
      if (this.#lost) return this.#log.warn({}, "the run belongs to another attempt");
      if (end.type === "run.waiting") await this.#pause(end);
      else if (this.#ending === "shutdown" && end.type === "run.cancelled") await this.#handOver();
      else await this.#finish(end);
    } catch (error) {
      // The lease runs out and another attempt, here or elsewhere, goes on from what is stored.
      this.#log.error({ err: error }, "a run's worker failed");
    } finally {
      clearTimeout(total);
      await this.#live?.close();
      this.#room.events.close(this.#events);
      this.#trace.leave("lost");
    }
  }

  async #prepare(): Promise<Remains> {
    const { target, firstPage } = this.claimed;
    const adapter = target ? this.#room.delivery.adapter(target.account) : undefined;
    let joined: MessageId[] = [];
    let remains: Remains = { kept: [], inFlight: new Set(), text: "", rest: "" };
    if (this.claimed.turn) {
      this.#turn = this.claimed.turn;
    } else {
      const found = await takeOver(this.#room, this.claimed, adapter, (work) => this.#surely(work));
      ({ remains, joined } = found);
      this.#turn = found.turn;
      this.#usage.keep(found.events);
      this.#trace.follow(found.events);
      // If the run ends before a boundary, nothing new arrives that would wake the lane.
      this.claimed.moreWaits ||= found.unread > 0;
      this.#steerable = found.unread > 0 || this.claimed.joined === true;
      this.#knownPages = found.pages;
    }
    this.#answer = new Answer(remains.kept, joined, remains.inFlight);
    if (target && adapter?.editing) this.#live = this.#openLive(target, adapter, remains.text, firstPage);
    this.#knowsItsWords = true;
    return remains;
  }

  #openLive(target: RunTarget, adapter: PlatformAdapter, knownText: string, firstPage: OutboxId | null): LiveReply {
    const { session, id, attempt } = this.claimed;
    const texts = textsFor(this.claimed.language);
    return new LiveReply({
      delivery: this.#room.delivery,
      adapter,
      render: renderGrowing(adapter, texts.restInFile(WHOLE_NAME)),
      target: { ...target },
      run: { session, id, attempt },
      firstPage: firstPage ?? newId("out"),
      known: this.#knownPages,
      knownText,
      draft: () => this.#answer.draft(texts),
      stopLabel: texts.stopButton,
      mayBeNative: mayBeNative(this.claimed.lane),
      maySend: () => !this.#lost && this.#room.delivery.leaseHolds(this.#claimedAt),
      flushLog: () => this.#events.flush(),
      onGone: () => this.end("place_gone"),
      onFirstShown: () => {
        this.#trace.firstShown();
        this.#room.firstShown(this.claimed);
      },
    });
  }

  /** What a run that ends here had said last is all there is; a run that goes on says it again. */
  #endHere(end: EndBeforeStart, remains: Remains): FinalRunEvent {
    const { budget } = this.claimed;
    this.#begin({ name: this.claimed.agent, model: null }, remains);
    this.#add(this.#answer.closing());
    if (remains.rest !== "") this.#add({ type: "text.delta", text: remains.rest });
    return endBeforeStart(end, textsFor(this.claimed.language), budget?.refused);
  }

  #begin(card: TracedCard, { kept, inFlight }: Remains): void {
    this.#trace.begin(card, this.#turn);
    this.#events.append(begun(this.claimed, card.name, kept, inFlight));
  }

  async #run(remains: Remains): Promise<FinalRunEvent | RunWaiting> {
    this.#live?.startTyping();
    const card = withChosenModel(this.#room.agents, this.claimed.agent, this.claimed.model);
    this.#cardVersion = card.version ?? null;
    const history = await this.#files.openHistory(card);
    if (this.#turn.length === 0) {
      this.#trace.begin(card, []);
      const chat = { answer: this.#answer, run: this.claimed, signal: this.#abort.signal };
      return this.#finalEvent(await compactTalk(history, chat, (event) => this.#take(event)));
    }
    this.#turn = await this.#withFiles(this.#turn, history.isEmpty && card.useHistory);
    if (this.#lost) return this.#finalEvent({ type: "run.cancelled", by: "interrupt" });
    const turn = await this.#files.recall(card, handedOver(this.#turn, this.claimed).map(datedIfOld));
    await this.#files.show([...history.messages, ...turn, ...remains.kept]);
    const today = new Date().toISOString().slice(0, 10);
    await this.#files.meet(remains.kept);
    this.#answer.showTools(card.children?.maxLines ?? null);
    const clone = makeClone({
      card,
      language: this.claimed.language,
      ...history.forClone(),
      turn,
      kept: remains.kept,
      inFlight: remains.inFlight,
      decisions: await this.#surely(() => decisionsFor(this.#room.db, this.claimed)),
      images: this.#files.images,
      model: this.#files.model,
      tools: this.#files.tools(card, today),
      session: this.claimed.session,
      traceparent: this.#trace.traceparent,
      steer: () => this.#steer(),
      usedUp: () => this.#usage.usedUp,
      today,
    });
    this.#usage.reads(clone);
    this.#begin(card, remains);
    for await (const event of this.#room.runner.run(clone, this.#abort.signal)) {
      if (isFinal(event)) return this.#finalEvent(event);
      if (event.type === "run.waiting") return event;
      await this.#take(event);
      if (this.#lost) break;
    }
    return this.#finalEvent({ type: "run.cancelled", by: "interrupt" });
  }

  /** The inputs with what came with them; as they are if the run turns out to be another attempt's. */
  async #withFiles(inputs: TurnInput[], first: boolean): Promise<TurnInput[]> {
    const prepared = await this.#files.prepare(inputs, first);
    this.#answer.preface = this.#files.unread;
    if (!prepared) this.lose();
    return prepared ?? inputs;
  }

  /** What waits joins the run; its people see that it did. */
  async #steer(): Promise<Joining[]> {
    if (!this.#steerable || this.#lost || this.#ending !== null) return [];
    this.#steerable = false;
    const joining = await this.#surely(() => steerWaiting(this.#room, this.claimed, this.#answer.joined));
    const now = Date.now();
    const joined = await this.#withFiles(
      joining.map((each) => ({ ...each, chatMessageId: null, writtenAt: now })),
      false,
    );
    await this.#files.show(joined.map(({ message }) => message));
    return joined;
  }

  async #take(event: RunEvent): Promise<void> {
    // Whoever interrupts before the first word shall not see it come all the same.
    if (event.type === "text.delta" && this.#ending !== null && this.#answer.silent) return;
    const changed = this.#answer.take(event);
    this.#trace.take(event);
    if (changed) this.#live?.changed();
    const cost = this.#usage.take(event);
    if (event.type === "usage") this.#room.used(this.claimed, event, cost);
    this.#events.append(event);
    // A call that may change something is known to the database before it is made; its result as soon as it is there.
    const joins = event.type === "message.completed" && event.message.role === "user";
    const act = innermost(event);
    if (act.type === "notice" && act.code === "model_fallback") this.#room.fellBack(this.claimed.agent, act);
    if (joins || (act.type === "tool.started" && !act.readOnly) || event.type === "tool.finished") {
      if (!(await this.#surely(() => this.#events.flush()))) this.lose();
    }
  }

  /** Waits for a database that is away: what a run has cannot be had again, and nobody can take it over meanwhile. */
  async #surely<T>(work: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await retrying(work);
      } catch (error) {
        if (errorCode(error) !== "unavailable" || this.#lost || this.#room.closed) throw error;
        await sleep(RETRY_MS);
      }
    }
  }

  /** The reason the gateway had for an abort goes before what the runner made of it. */
  #finalEvent(event: FinalRunEvent): FinalRunEvent {
    if (event.type === "run.failed" && event.cause !== undefined) {
      this.#log.warn({ err: event.cause, code: event.code }, "a run failed");
    }
    if (event.type !== "run.cancelled" || this.#ending === null) return event;
    if (this.#ending === "timeout") {
      return { type: "run.failed", code: "timeout", message: textsFor(this.claimed.language).tookTooLong };
    }
    return { type: "run.cancelled", by: this.#ending };
  }

  /** The run waits for people, and nothing of it stays here; unless it was to end meanwhile. */
  async #pause({ calls }: RunWaiting): Promise<void> {
    if (this.#ending !== null && this.#ending !== "shutdown") return this.#finish(this.#finalEvent(STOPPED));
    this.#merging = true;
    const outcome = await pauseForPeople(this.#room, this.claimed, calls, {
      turn: this.#turn,
      log: this.#events,
      answer: this.#answer,
      live: this.#live,
      surely: (work) => this.#surely(work),
    });
    if (outcome === "stopped") return this.#finish(STOPPED);
    if (outcome === "lost") return this.#log.warn({}, "the run belongs to another attempt");
    await this.#live?.hideTyping();
    this.#live?.over();
    this.#trace.leave("waits");
    this.#log.info({ outcome, calls: calls.length }, "a run waits for people");
  }

  async #handOver(): Promise<void> {
    await this.#surely(() => this.#events.flush());
    await this.#live?.hideTyping();
    const { session, id, attempt, lane } = this.claimed;
    const handed = await this.#surely(() => handOverRun(this.#room.db, { session, id, attempt, lane }));
    this.#trace.leave("handed_over");
    this.#log.info({ handed }, "a run was left for another replica");
  }

  #add(event: RunEvent | null): void {
    if (!event) return;
    this.#answer.take(event);
    this.#events.append(event);
  }

  async #finish(first: FinalRunEvent): Promise<void> {
    this.#merging = true;
    // A runner that fails in the midst of its calls leaves them open.
    this.#add(this.#answer.closing());
    const rest = await this.#events.takeRest();
    let end = first;
    for (;;) {
      const merge = this.#merge(end, rest);
      if (merge.pages.length === 0 || this.#live?.refused) await this.#live?.hideTyping();
      // Before the next run shows that it works.
      this.#live?.over();
      const outcome = await this.#surely(() => this.#room.merge(merge));
      if (outcome.kind === "lost") return this.#log.warn({}, "the run belongs to another attempt");
      if (outcome.kind === "stopped") {
        end = STOPPED;
        continue;
      }
      this.#log.info({ state: merge.state, end_reason: merge.endReason, first_seq: outcome.firstSeq }, "run ended");
      this.#trace.end(end, merge.pages, this.#live?.edits ?? 0);
      return this.#room.merged(this.claimed, merge, outcome, performance.now() - this.#claimedAt, this.#trace);
    }
  }

  #merge(end: FinalRunEvent, rest: Merge["events"]): Merge {
    const { session, id, attempt, lane, arrivals, target } = this.claimed;
    const shown = this.#live ? this.#live.shown : this.#answer.text !== "";
    // Interrupted before anybody saw anything: as if it had not been, and its input joins the next turn.
    const vanish = end.type === "run.cancelled" && end.by === "interrupt" && !shown && !this.#answer.acted;
    const turn = handedOver(this.#turn, this.claimed).map(({ messageId, message }) => ({ messageId, message }));
    // What a compaction tells is no answer.
    const ended = { end, live: this.#live, isAnswer: this.#turn.length > 0, log: this.#log };
    const plan = vanish || !target ? null : planAnswer(this.#room, this.claimed, this.#answer, ended);
    const whole = plan && plan.whole !== null ? { id: newId("fil"), name: WHOLE_NAME, text: plan.whole } : null;
    const files = [...(whole ? [whole.id] : []), ...this.#answer.files];
    return {
      session,
      run: id,
      attempt,
      lane,
      arrivals,
      keepLane: this.claimed.moreWaits || vanish,
      state: end.type === "run.completed" ? "completed" : end.type === "run.failed" ? "failed" : "cancelled",
      endReason: end.type === "run.completed" ? end.stopReason : end.type === "run.failed" ? end.code : end.by,
      errorCode: end.type === "run.failed" ? end.code : null,
      block: vanish ? [] : [...turn, ...this.#answer.block(end)],
      title: titleFrom(this.#turn),
      events: [...rest, ...this.#events.closing([end])],
      cardVersion: this.#cardVersion,
      voteHash: plan?.voteHash ?? null,
      usage: this.#usage.rows,
      target: this.#live?.target ?? target,
      pages: plan ? finalPages(plan.pages, this.#live?.pages ?? [], files, attempt > 1 && !this.claimed.asked) : [],
      ...(whole ? { whole } : {}),
      returnInputs: vanish,
      ratios: this.#files.history?.ratios ?? {},
    };
  }
}
