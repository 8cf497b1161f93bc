import { createHash } from "node:crypto";
import type { AgentCard } from "./agent-card.ts";

/** Which card an agent goes by: another one for another instruction, model or setting. Secrets count by their names only. */
export function cardVersion({ off: _off, outside, functions, ...card }: AgentCard): string {
  const where = outside && "remote" in outside ? withoutSecrets(outside) : (outside?.limits ?? null);
  const whole = { ...card, functions: functions !== undefined, outside: where };
  return createHash("sha256").update(JSON.stringify(whole)).digest("hex").slice(0, 12);
}

function withoutSecrets({ remote, limits }: Extract<NonNullable<AgentCard["outside"]>, { remote: unknown }>): object {
  const { key: _key, headers, ...rest } = remote;
  return { limits, ...rest, headers: Object.keys(headers) };
}
