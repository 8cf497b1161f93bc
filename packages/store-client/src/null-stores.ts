import { randomUUID } from "node:crypto";
import { StoreError, type Stores } from "./stores.ts";

/** Stores that keep nothing, for agents that forget: what is read is not there. */
export function nullStores(): Stores {
  return {
    sessions: {
      create: async (id = `sess_${newId()}`) => id,
      load: async () => null,
      save: async () => undefined,
      costs: async () => null,
      addCosts: notThere,
      delete: async () => false,
      fork: notThere,
      revert: notThere,
    },
    traces: { write: async () => undefined, read: async () => null },
    feedback: {
      add: async () => `fb_${newId()}`,
      get: async () => null,
      change: notThere,
      list: async () => [],
    },
  };
}

function newId(): string {
  return randomUUID().replaceAll("-", "");
}

async function notThere(): Promise<never> {
  throw new StoreError("not_found", "Nothing is kept here.");
}
