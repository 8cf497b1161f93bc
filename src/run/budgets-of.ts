import { type AgentSettings, budgetOfId, budgetOfPlace } from "../agent/agent-settings.ts";
import { BUDGET_SCOPES, type Budget, type BudgetScope } from "../agent/budgets.ts";
import { guestsAmong, usersOfSenders } from "../store/budget-counters.ts";
import type { LaneState } from "../store/lanes.ts";
import type { Trx } from "../store/schema.ts";
import type { Start } from "./fresh-run.ts";

/** A budget that a run uses; `scope` names its counter. */
export interface BudgetOf {
  kind: BudgetScope;
  scope: string;
  budget: Budget;
}

/** Whose a run is. `payer`: null = nobody's own budget counts. `keyId`: of the stored key that the newest message came with; null = none. */
export interface Asker {
  payer: string | null;
  guest: boolean;
  keyId: string | null;
}

export const personScope = (payer: string) => `person ${payer}`;
export const placeScope = (key: string) => `place ${key}`;

/** What a counter's budget allows; undefined = nobody has set one (any more). */
export function budgetOfScope(
  settings: AgentSettings,
  counter: string,
): { kind: BudgetScope; of: string; budget: Budget | undefined } {
  const [word = "", of = ""] = counter.split(/ (.*)/s);
  const kind = BUDGET_SCOPES.find((each) => each === word) ?? "gateway";
  const { budgets = {}, agents, places } = settings;
  switch (kind) {
    case "person":
      return { kind, of, budget: budgetOfId(settings, "users", of) };
    case "key":
      return { kind, of, budget: budgetOfId(settings, "keys", of) };
    case "agent":
      return { kind, of, budget: agents.get(of)?.budget ?? budgets.agent };
    case "place":
      return { kind, of, budget: places.get(of)?.budget ?? budgets.place };
    case "guests":
    case "gateway":
      return { kind, of, budget: budgets[kind] };
    default:
      return kind satisfies never;
  }
}

/**
 * Who pays for each run: whose session it is, in a group whoever wrote last. Known only if people have budgets, because
 * in groups it has to be asked for.
 */
export async function payersOf(trx: Trx, settings: AgentSettings, starts: Start[]): Promise<Map<Start, string>> {
  const payers = new Map<Start, string>();
  if (!settings.budgets?.person && !settings.users?.size) return payers;
  const senders = new Map<Start, { platform: string; external_id: string }>();
  for (const start of starts) {
    const last = start.decision.inputs.at(-1)!;
    if (start.lane.place?.kind !== "group" || !last.author) payers.set(start, start.lane.user_id);
    else senders.set(start, { platform: last.account_id.split(":", 1)[0]!, external_id: last.author.id });
  }
  const known = senders.size === 0 ? [] : await usersOfSenders(trx, [...senders.values()]);
  for (const [start, { platform, external_id: id }] of senders) {
    const found = known.find((each) => each.platform === platform && each.external_id === id);
    payers.set(start, found?.user_id ?? `${platform}:${id}`);
  }
  return payers;
}

/** Which of the lanes are guests'. Known only if guests have a budget together. */
export async function guestLanes(
  trx: Trx,
  settings: AgentSettings,
  lanes: readonly LaneState[],
): Promise<ReadonlySet<LaneState>> {
  if (!settings.budgets?.guests || lanes.length === 0) return new Set();
  const guests = new Set(await guestsAmong(trx, [...new Set(lanes.map((lane) => lane.user_id))]));
  return new Set(lanes.filter((lane) => guests.has(lane.user_id)));
}

/** The budgets a run of the agent would use. A private chat is its person's, so it has none as a place. */
export function budgetsOf(
  settings: AgentSettings,
  { place }: LaneState,
  agent: string,
  { payer, guest, keyId }: Asker,
): BudgetOf[] {
  const { budgets = {}, agents } = settings;
  const ofPlace =
    place?.kind === "group"
      ? budgetOfPlace(settings, { account: place.account_id, chat: place.chat, thread: place.thread })
      : null;
  const all: { kind: BudgetScope; scope: string; budget: Budget | undefined }[] = [
    ...(payer === null
      ? []
      : [{ kind: "person" as const, scope: personScope(payer), budget: budgetOfId(settings, "users", payer) }]),
    ...(guest ? [{ kind: "guests" as const, scope: "guests", budget: budgets.guests }] : []),
    ...(ofPlace ? [{ kind: "place" as const, scope: placeScope(ofPlace.key), budget: ofPlace.budget }] : []),
    { kind: "agent", scope: `agent ${agent}`, budget: agents.get(agent)?.budget ?? budgets.agent },
    ...(keyId === null
      ? []
      : [{ kind: "key" as const, scope: `key ${keyId}`, budget: budgetOfId(settings, "keys", keyId) }]),
    { kind: "gateway", scope: "gateway", budget: budgets.gateway },
  ];
  return all.flatMap(({ kind, scope, budget }) => (budget ? [{ kind, scope, budget }] : []));
}
