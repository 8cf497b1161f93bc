import type { AgentCard } from "./agent-card.ts";
import { type LoadedCard, MAX_FILE_BYTES, stampOf } from "./load-card.ts";
import { importExport } from "./load-functions.ts";
import { readNearFile } from "./near-file.ts";
import type { AgentModule, OutsideAgent } from "./outside-agent.ts";
import { MAX_STEPS } from "./read-card.ts";
import type { OutsideSettings } from "./read-outside.ts";

/** How such an agent is called where others are called by their files. */
export function placeOf(name: string): string {
  return `parley.yaml: agents.${name}`;
}

/** Makes the card of an agent that has no file; of code, its module is loaded. Never rejects. */
export async function loadOutside(dir: string, name: string, settings: OutsideSettings): Promise<LoadedCard> {
  const stamps = new Map<string, string>();
  const { limits, description } = settings;
  if ("remote" in settings) {
    const card = cardOf(name, description, { limits, remote: settings.remote });
    return { card, faults: [], warnings: [], stamps };
  }
  const { path, name: exported } = settings.module;
  stamps.set(path, await stampOf(dir, path));
  const faults: string[] = [];
  const file = await readNearFile(dir, path, MAX_FILE_BYTES);
  if ("fault" in file) faults.push(file.fault);
  else {
    const module = await importExport(dir, settings.module, file.text, faults);
    if (typeof module === "function") {
      const card = cardOf(name, description, { limits, module: module as AgentModule });
      return { card, faults: [], warnings: [], stamps };
    }
    if (faults.length === 0) faults.push("must be a function of (clone, signal), as a rule async function*");
  }
  const named = faults.map((fault) => `${placeOf(name)}.module: ${path}:${exported}: ${fault}`);
  return { card: null, faults: named, warnings: [], stamps };
}

function cardOf(name: string, description: string, outside: OutsideAgent): AgentCard {
  return {
    name,
    description,
    instruction: "",
    model: null,
    default: false,
    useHistory: true,
    sampling: {},
    maxSteps: "remote" in outside ? 1 : MAX_STEPS,
    idleMs: null,
    outside: Object.freeze(outside),
  };
}
