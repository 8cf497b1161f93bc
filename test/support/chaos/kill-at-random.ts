import { until } from "../test-gateway.ts";
import type { Chances } from "./random.ts";
import type { Replica, Stage } from "./stage.ts";

export interface Kill {
  replica: string;
  at: number;
}

/** One question of somebody somewhere. */
export interface Asking {
  say(): void;
  /** How often the model was asked it by now. */
  attempts(): number;
  /** Its end is shown: the whole answer, or that it failed too often. */
  hasEnded(): boolean;
}

/**
 * Round after round: some are asked, at a random moment a random replica is killed, and is started again a random
 * moment later, whatever the others do meanwhile.
 */
export async function killAtRandom(stage: Stage, askings: Asking[], kills: number, dice: Chances): Promise<Kill[]> {
  const done: Kill[] = [];
  const restarts: Promise<unknown>[] = [];
  const perRound = Math.ceil(askings.length / kills);
  for (let round = 0; round < kills; round++) {
    for (const asking of askings.slice(round * perRound, (round + 1) * perRound)) {
      asking.say();
      await pause(dice.next(200));
    }
    await pause(dice.next(2_000));
    await until("a replica to kill", () => alive(stage).length > 0);
    // A third crash ends a run; that is shown elsewhere.
    const isOnLastTry = (asking: Asking) => asking.attempts() >= 3 && !asking.hasEnded();
    await until("nobody on the last try", () => !askings.some(isOnLastTry), 20_000);
    const victims = alive(stage);
    const victim = victims[Math.floor(dice.next(victims.length))]!;
    await victim.process.kill();
    done.push({ replica: victim.name, at: Date.now() });
    const restart = pause(dice.next(1_500)).then(() => stage.start(victim.name, { waitReady: false }));
    restarts.push(restart);
    await pause(dice.between(500, 3_000));
  }
  await Promise.all(restarts);
  return done;
}

/** Rejects with what is stored of everything, when not all have ended in time. */
export async function untilAllEnded(stage: Stage, askings: Asking[], timeoutMs = 45_000): Promise<void> {
  await until("all have ended", () => askings.every((asking) => asking.hasEnded()), timeoutMs).catch(async () => {
    for (const { process: gateway } of alive(stage)) if (stage.embedded) await gateway.kill();
    const open = askings.flatMap((asking, index) => (asking.hasEnded() ? [] : [index]));
    throw new Error(
      `${open.length} not ended, by index ${open.join(", ")}:\n${JSON.stringify(await stored(stage), null, 1)}`,
    );
  });
}

function stored(stage: Stage): Promise<object[]> {
  return stage.rows(
    `select p.chat, p.thread, p.session_id,
       (select jsonb_agg(jsonb_build_array(i.state, i.run_id, i.arrival_no)) from inbox i where i.session_id = p.session_id) as inbox,
       (select jsonb_agg(to_jsonb(l)) from lanes l where l.session_id = p.session_id) as lanes,
       (select jsonb_agg(to_jsonb(r)) from runs r where r.session_id = p.session_id) as runs,
       (select jsonb_agg(to_jsonb(o)) from outbox o where o.session_id = p.session_id) as outbox
     from places p where exists (select 1 from lanes l where l.session_id = p.session_id)
        or exists (select 1 from outbox o where o.session_id = p.session_id and o.state <> 'sent')`,
  );
}

function alive(stage: Stage): Replica[] {
  return [...stage.replicas.values()].filter(({ process }) => process.running);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
