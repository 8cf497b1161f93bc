import { newId } from "../ids.ts";
import { countBegun, heldBudgets, lockCounters, noteHeldBack } from "../store/budget-counters.ts";
import { takeCompaction } from "../store/compactions.ts";
import { type LaneState, releaseLane } from "../store/lanes.ts";
import { insertReply } from "../store/outbox.ts";
import type { NewRun } from "../store/runs.ts";
import type { CompactionAsked, RunBudget, Trx } from "../store/schema.ts";
import { textsFor } from "../texts/texts.ts";
import { BudgetBook, type Verdict } from "./budget-book.ts";
import { budgetsOf, type BudgetOf, guestLanes, payersOf } from "./budgets-of.ts";
import { compactionRun } from "./compaction-run.ts";
import { claimedFresh, newRun, type Start } from "./fresh-run.ts";
import { hoursLeft } from "./hours-left.ts";
import type { RunRoom } from "./run-room.ts";
import type { ClaimedRun } from "./claimed-run.ts";

/** A message that waits this long is told why. */
const TELL_AFTER_MS = 1_000;
/** The longer a message has waited, the less often its turn is looked for. */
const LOOK_AGAIN_MAX_MS = 5_000;

type Begun = { run: NewRun; claimed: ClaimedRun };

/** A lane whose talk somebody wants to have summed up. */
export interface AskedToCompact {
  lane: LaneState;
  asked: CompactionAsked;
}

/**
 * Which of these runs may begin, by everybody's budgets; what they may use is held from now on, by their rows. What may
 * not begin yet waits in its lane; what may not begin today does begin, marked as refused: its worker only says so, so
 * it is in the history and its people know. Belongs into the claim's transaction, as its last locks: a counter that
 * cannot be read lets nobody begin.
 */
export async function admit(trx: Trx, room: RunRoom, starts: Start[], compacting: AskedToCompact[]): Promise<Begun[]> {
  const settings = room.agents.settings();
  const payers = await payersOf(trx, settings, starts);
  const guests = await guestLanes(
    trx,
    settings,
    [...starts, ...compacting].map(({ lane }) => lane),
  );
  const asking = starts.map((start) => {
    const { inputs } = start.decision;
    const agent = inputs[0]?.asks ?? start.lane.agent;
    const payer = payers.get(start) ?? null;
    const asker = { payer, guest: guests.has(start.lane), keyId: inputs.at(-1)?.key_id ?? null };
    return { start, budgets: budgetsOf(settings, start.lane, agent, asker) };
  });
  const summing = compacting.map((each) => {
    // Who has asked in a group is not kept: there it is the group's.
    const payer = each.lane.place?.kind === "group" ? null : each.lane.user_id;
    const asker = { payer, guest: guests.has(each.lane), keyId: null };
    return { ...each, budgets: budgetsOf(settings, each.lane, each.lane.agent, asker) };
  });
  const scopes = [...new Set([...asking, ...summing].flatMap(({ budgets }) => budgets.map(({ scope }) => scope)))];
  if (scopes.length === 0) {
    const begun = starts.map((start) => begin(start, null));
    for (const each of compacting) begun.push(await compact(trx, each, null));
    return begun;
  }
  const book = new BudgetBook(
    await lockCounters(trx, scopes),
    await heldBudgets(trx, scopes),
    settings.budgets?.run ?? {},
  );
  const begun: Begun[] = [];
  for (const { start, budgets } of asking) {
    const verdict = book.decide(budgets);
    if (verdict.kind === "wait") await holdBack(trx, room, start, verdict);
    else if (verdict.kind === "refuse") begun.push(begin(ofPayer(start, verdict.of), refusal(verdict.of)));
    else {
      const admitted = begin(start, verdict.budget);
      begun.push(admitted);
      for (const nearly of verdict.nearlyUsed) await warn(trx, room, admitted.run, nearly, book);
    }
  }
  for (const { budgets, ...asked } of summing) {
    const verdict = book.decide(budgets);
    if (verdict.kind === "wait") await releaseLane(trx, asked.lane, verdict.delayMs);
    else begun.push(await compact(trx, asked, verdict.kind === "refuse" ? refusal(verdict.of) : verdict.budget));
  }
  const counted = book.changes();
  if (counted.length > 0) await countBegun(trx, counted);
  return begun;
}

function begin(start: Start, budget: RunBudget | null): Begun {
  const run = newRun(start, budget);
  return { run, claimed: claimedFresh(start, run) };
}

async function compact(trx: Trx, { lane, asked }: AskedToCompact, budget: RunBudget | null): Promise<Begun> {
  await takeCompaction(trx, lane);
  return compactionRun(lane, asked, budget);
}

function refusal({ kind }: BudgetOf): RunBudget {
  return { scopes: [], held: { tokens: 0, micros: 0 }, allowed: { tokens: null, micros: null }, refused: kind };
}

/** In a group a person's empty budget is theirs alone: what others have said is the next turn. */
function ofPayer(start: Start, { kind }: BudgetOf): Start {
  const { lane, decision } = start;
  const author = decision.inputs.at(-1)?.author;
  if (kind !== "person" || lane.place?.kind !== "group" || !author) return start;
  const inputs = decision.inputs.filter((input) => input.author?.id === author.id);
  return { ...start, decision: { ...decision, inputs, more: decision.more || inputs.length < decision.inputs.length } };
}

async function holdBack(trx: Trx, room: RunRoom, start: Start, { delayMs }: Extract<Verdict, { kind: "wait" }>) {
  const { lane, decision } = start;
  const waitedMs = lane.now_ms - decision.inputs[0]!.received_ms;
  await releaseLane(trx, lane, Math.max(delayMs, Math.min(LOOK_AGAIN_MAX_MS, waitedMs / 4)));
  const untold = decision.inputs.every(({ receipt }) => receipt === null);
  const { target, language, inputs } = newRun(start, null);
  const adapter = target && room.delivery.adapter(target.account);
  if (!adapter || !untold || waitedMs < TELL_AFTER_MS) return;
  await noteHeldBack(trx, lane.session_id, inputs);
  const [content] = adapter.render(textsFor(language).receiptBudget);
  const reply = { id: newId("out"), session: lane.session_id, target, content: content! };
  await insertReply(trx, { ...reply, kind: "receipt" });
}

/** A person is told where nobody else reads it, a group of its own; of budgets that many share the operator hears. */
async function warn(trx: Trx, room: RunRoom, run: NewRun, of: BudgetOf, book: BudgetBook): Promise<void> {
  const percent = book.percent(of);
  if (of.kind !== "person" && of.kind !== "place") {
    room.log.warn({ budget: of.scope, percent }, "a budget of today is nearly used up");
    return book.warned(of);
  }
  const { target } = run;
  const adapter = target && room.delivery.adapter(target.account);
  if (!adapter || (of.kind === "person" && target.placeKind === "group")) return;
  const texts = textsFor(run.language);
  for (const content of adapter.render(texts.budgetNearlyUsed(texts.budgetOf[of.kind], percent, hoursLeft()))) {
    await insertReply(trx, { id: newId("out"), session: run.lane.session_id, target, content });
  }
  book.warned(of);
}
