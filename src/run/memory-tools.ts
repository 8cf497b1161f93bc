import { functionTools } from "../agent/function-tools.ts";
import type { Message } from "../agent/message.ts";
import type { Tool, ToolSource } from "../agent/tool-source.ts";
import { deleteMemories, holdMemories, insertMemory, type MemoryOwner, memoriesOf } from "../store/memories.ts";
import type { Attempt } from "../store/run-levels.ts";
import type { Root, Trx } from "../store/schema.ts";
import { withTransaction } from "../store/transaction.ts";

/** Of one agent and user. All of it is said to the model with every turn, so it is no more than two pages. */
const MAX_FACTS = 50;
const MAX_BYTES = 8_000;
/** UTF-8 bytes of one fact. */
const MAX_FACT_BYTES = 400;
/** Facts that are named where there is no room: the first to be asked about. */
const OLDEST = 5;
const CALL_MS = 20_000;

export interface MemoryToolsParts {
  db: Root;
  run: Attempt;
  /** Whose memory it is. */
  agent: string;
  /** The operator lets agents remember here although everybody at the place hears it. */
  inGroup: boolean;
  /** Waits for a database that is away. */
  surely: <T>(work: () => Promise<T>) => Promise<T>;
}

const FACT = { type: "string", minLength: 1 };
// Each may be repeated after a crash: what is known is not told twice, and what is forgotten stays so.
const TOOLS = {
  remember: tool(
    "remember",
    "Remembers one short fact about the person you talk to, for all later talks. Only what they told you and would " +
      "want you to know; no passwords or other secrets.",
    { fact: { ...FACT, description: "One sentence." } },
  ),
  list: { ...tool("list_memories", "All that you remember of the person you talk to.", {}), readOnly: true },
  forget: tool("forget", "Forgets one fact that you remember of the person you talk to.", {
    fact: { ...FACT, description: "As list_memories shows it, word for word." },
  }),
};

/** Tools by which an agent remembers what its user told it. */
export function memoryTools(parts: MemoryToolsParts): ToolSource {
  return {
    list: async () => Object.values(TOOLS),
    call(call, signal, context) {
      const tools = [
        { ...TOOLS.remember, run: ({ fact }: Arguments) => changing(parts, (scene) => remember(scene, said(fact))) },
        { ...TOOLS.list, run: () => changing(parts, list) },
        { ...TOOLS.forget, run: ({ fact }: Arguments) => changing(parts, (scene) => forget(scene, said(fact))) },
      ];
      return functionTools(tools.map((each) => ({ ...each, timeoutMs: CALL_MS }))).call(call, signal, context);
    },
  };
}

/** The turn as the model is sent it: what is remembered stands before the newest words, as nobody's order. */
export function withFacts(turn: readonly Message[], facts: readonly string[]): Message[] {
  const last = turn.at(-1);
  if (!last || facts.length === 0) return [...turn];
  const known = { type: "context", kind: "memory", author: "", text: facts.join("\n") } as const;
  return [...turn.slice(0, -1), { ...last, parts: [known, ...last.parts] }];
}

type Arguments = Record<string, unknown>;

/** One call at work, with everything of its owner's held. */
interface Scene {
  trx: Trx;
  owner: MemoryOwner;
  agent: string;
  facts: { id: string; fact: string }[];
}

function changing({ db, run, agent, inGroup, surely }: MemoryToolsParts, work: (scene: Scene) => Promise<string>) {
  return surely(() =>
    withTransaction(db, async (trx) => {
      const owner = await holdMemories(trx, run);
      if (!owner) throw new Error("the run is over");
      if (owner.ofPlace && !inGroup) throw new Error("nothing is remembered in groups");
      return work({ trx, owner, agent, facts: await memoriesOf(trx, owner.userId, agent) });
    }),
  );
}

async function remember({ trx, owner, agent, facts }: Scene, fact: string): Promise<string> {
  const bytes = Buffer.byteLength(fact);
  if (fact === "") throw new Error("the fact has no words");
  if (bytes > MAX_FACT_BYTES) throw new Error(`a fact has at most ${MAX_FACT_BYTES} bytes; this one has ${bytes}`);
  if (facts.some((known) => isSame(known.fact, fact))) return "You remember that already.";
  const used = facts.reduce((sum, known) => sum + Buffer.byteLength(known.fact), 0);
  if (facts.length >= MAX_FACTS || used + bytes > MAX_BYTES) {
    const oldest = facts.slice(0, OLDEST).map((known) => `- ${known.fact}`);
    throw new Error(`there is no room. Forget what counts least, then try again. The oldest:\n${oldest.join("\n")}`);
  }
  await insertMemory(trx, owner, agent, fact);
  return "Remembered.";
}

async function list({ facts }: Scene): Promise<string> {
  return facts.length === 0 ? "You remember nothing yet." : facts.map(({ fact }) => `- ${fact}`).join("\n");
}

async function forget({ trx, owner, facts }: Scene, fact: string): Promise<string> {
  const found = facts.filter((known) => isSame(known.fact, fact));
  if (found.length === 0) return "You remember no such fact.";
  await deleteMemories(
    trx,
    owner.userId,
    found.map(({ id }) => id),
  );
  return "Forgotten.";
}

/** On one line, so that no fact can look like the end of what is remembered. */
function said(fact: unknown): string {
  return String(fact)
    .toWellFormed()
    .replaceAll(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function tool(name: string, description: string, properties: Record<string, object>): Tool {
  const schema = { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
  return { name, description, schema, readOnly: false, afterCrash: "repeat" };
}
