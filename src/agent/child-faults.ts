import type { AgentCard } from "./agent-card.ts";

/** How deep agents may call agents: a call in a call in a call. */
const MAX_DEPTH = 3;

/** What is wrong with how the cards of a set call each other, each sentence with file and field. */
export function childFaults(cards: readonly AgentCard[]): string[] {
  const byName = new Map(cards.map((card) => [card.name, card]));
  const childrenOf = (name: string) => byName.get(name)?.children?.agents ?? [];
  const told = new Set<string>();
  return cards.flatMap((card) => {
    const { file = card.name, children } = card;
    if (!children) return [];
    const faults = children.agents.flatMap((name) => {
      const child = byName.get(name);
      if (!child) return [`agents: there is no agent "${name}"`];
      if (children.historySource !== "messages" || child.seed) return [];
      return [`history_source: "messages" needs messages in the card of "${name}"`];
    });
    const { cycle, depth } = follow(card.name, childrenOf);
    const members = cycle.toSorted().join();
    if (cycle.length > 0 && !told.has(members)) {
      told.add(members);
      faults.push(`agents: call each other in a circle: ${[...cycle, cycle[0]].join(" → ")}`);
    }
    if (cycle.length === 0 && depth > MAX_DEPTH) {
      faults.push(`agents: call each other ${depth} deep; ${MAX_DEPTH} is the most`);
    }
    return faults.map((fault) => `${file}: ${fault}`);
  });
}

/** Looks at each agent once. `cycle`: the first circle below (or around) an agent, in order; empty = there is none. */
function follow(start: string, childrenOf: (name: string) => readonly string[]): { cycle: string[]; depth: number } {
  const depths = new Map<string, number>();
  const path: string[] = [];
  let cycle: string[] = [];

  function depthOf(name: string): number {
    const known = depths.get(name);
    if (known !== undefined) return known;
    if (path.includes(name)) {
      if (cycle.length === 0) cycle = path.slice(path.indexOf(name));
      return 0;
    }
    path.push(name);
    const depth = Math.max(0, ...childrenOf(name).map((child) => 1 + depthOf(child)));
    path.pop();
    depths.set(name, depth);
    return depth;
  }

  const depth = depthOf(start);
  return { cycle, depth };
}
