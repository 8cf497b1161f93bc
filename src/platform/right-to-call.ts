import { AsyncLocalStorage } from "node:async_hooks";

const right = new AsyncLocalStorage<() => boolean>();

/** Every call to a platform that `work` makes is written only while `mayCall` says so; see `rightToCall`. */
export function callWhile<T>(mayCall: () => boolean, work: () => T): T {
  return right.run(mayCall, work);
}

/**
 * Taken by an adapter when it is called, and asked right before the request is written: between the two lie waits for a
 * socket, or the seconds for which the process stood still. On false nothing is written, and the call rejects
 * `cancelled`, delivered "no".
 */
export function rightToCall(): () => boolean {
  return right.getStore() ?? (() => true);
}
