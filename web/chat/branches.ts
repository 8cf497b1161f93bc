import { ApiProblem, callApi } from "../kit/api.ts";
import { newKey } from "../kit/new-key.ts";
import type { WireSession } from "./wire.ts";

/** A session that begins like another one: with its first `at` messages. */
export interface Branch {
  id: string;
  from: string;
  at: number;
}

/** Of one talk: its first session keeps the list of all others. */
export interface Branches {
  root: string;
  all: readonly Branch[];
}

export interface Versions {
  /** Sessions that differ from this place on, oldest first. */
  ids: string[];
  shown: number;
}

/** The versions of what stands behind the first `at` messages of a session. */
export function versionsAt({ all }: Branches, session: string, at: number): Versions {
  const byId = new Map(all.map((branch) => [branch.id, branch]));
  const baseOf = (id: string): { base: string; own: string } => {
    let base = id;
    let own = id;
    for (let branch = byId.get(base); branch && branch.at >= at; branch = byId.get(base)) {
      own = branch.at === at ? base : branch.from;
      base = branch.from;
    }
    return { base, own };
  };
  const { base } = baseOf(session);
  const ids = [
    base,
    ...all.filter((branch) => branch.at === at && baseOf(branch.id).base === base).map(({ id }) => id),
  ];
  let own = session;
  for (let branch = byId.get(own); branch && !ids.includes(own); branch = byId.get(own)) own = branch.from;
  return { ids, shown: Math.max(0, ids.indexOf(own)) };
}

export function rootOf(session: WireSession): string {
  const { root } = session.metadata;
  return typeof root === "string" ? root : session.session_id;
}

export async function readBranches(session: WireSession): Promise<Branches> {
  const root = rootOf(session);
  const first =
    root === session.session_id
      ? session
      : await callApi<WireSession>("GET", `/v1/sessions/${encodeURIComponent(root)}?limit=1`).catch(() => null);
  return { root, all: first === null ? [] : listIn(first) };
}

/** The sessions of a talk, its first one last: while that one is there, all the others can be found. */
export async function versionsOf(session: WireSession): Promise<string[]> {
  const root = rootOf(session);
  const others = [session.session_id];
  try {
    const first = await callApi<WireSession>("GET", `${pathOf(root)}?limit=1`);
    others.push(...listIn(first).map(({ id }) => id));
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
  }
  return [...new Set([...others.filter((id) => id !== root), root])];
}

/**
 * Makes one with the first `at` messages, and has the talk's first session know of it once `fill` has put there what it
 * needs. Rejects with nothing made.
 */
export async function makeBranch<T>(
  session: WireSession,
  at: number,
  fill: (id: string) => Promise<T>,
): Promise<{ id: string; filled: T }> {
  const { session_id: id } = await callApi<{ session_id: string }>("POST", `${pathOf(session.session_id)}/fork`, {
    body: { from_message_index: at },
    headers: { "idempotency-key": newKey() },
  });
  try {
    const root = rootOf(session);
    await callApi("PATCH", pathOf(id), { body: { metadata: { root, branches: null } } });
    const filled = await fill(id);
    await enlist(root, { id, from: session.session_id, at });
    return { id, filled };
  } catch (error) {
    // Without its message it would stand beside the others, and be opened for the whole talk.
    await callApi("DELETE", pathOf(id)).catch(() => undefined);
    throw error;
  }
}

const MAX_TRIES = 8;

/** Adds it to the list of the first session, to which another tab or device may add at the same time. */
async function enlist(root: string, branch: Branch): Promise<void> {
  for (let tries = 1; ; tries++) {
    const first = await callApi<WireSession>("GET", `${pathOf(root)}?limit=1`);
    const listed = listIn(first);
    // It was done before, and the answer lost on its way.
    if (listed.some(({ id }) => id === branch.id)) return;
    const body = { metadata: { branches: [...listed, branch] } };
    try {
      await callApi("PATCH", pathOf(root), { body, headers: { "if-match": `"${first.version}"` } });
      return;
    } catch (error) {
      const mayHelp = error instanceof ApiProblem && (error.status === 412 || (error.status === 0 && tries === 1));
      if (!mayHelp || tries === MAX_TRIES) throw error;
    }
  }
}

function listIn({ metadata }: WireSession): Branch[] {
  const list: unknown = metadata["branches"];
  return Array.isArray(list) ? list.filter(isBranch) : [];
}

/** Metadata is whatever somebody wrote there. */
function isBranch(value: unknown): value is Branch {
  const { id, from, at } = (value ?? {}) as Partial<Branch>;
  return typeof id === "string" && typeof from === "string" && typeof at === "number";
}

export function pathOf(id: string): string {
  return `/v1/sessions/${encodeURIComponent(id)}`;
}
