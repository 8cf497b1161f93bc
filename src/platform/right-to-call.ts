import { AsyncLocalStorage } from "node:async_hooks";

const right = new AsyncLocalStorage<{ mayCall: () => boolean }>();
const always = () => true;

/** Until `work` settles, each request that it makes to a platform is written only if `mayCall` says so; see `rightToCall`. */
export async function callWhile<T>(mayCall: () => boolean, work: () => Promise<T>): Promise<T> {
  const held = { mayCall };
  try {
    return await right.run(held, work);
  } finally {
    // Sockets that were opened meanwhile remember where they come from for as long as they live.
    held.mayCall = always;
  }
}

/**
 * Taken by an adapter for each request, and asked right before it is written: between the two lie waits for a socket, or
 * the seconds for which the process stood still. On false it is not written, and the call rejects `cancelled`, delivered
 * "no".
 */
export function rightToCall(): () => boolean {
  const held = right.getStore();
  return () => held?.mayCall() ?? true;
}
