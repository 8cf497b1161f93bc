import { SOCKET_TIMING, type SocketTiming } from "../../adapters/slack/slack-socket.ts";

/** Both connections at once, and the waits of minutes as short as a test. */
export const QUICK_SOCKETS: SocketTiming = {
  ...SOCKET_TIMING,
  openMs: 2_000,
  staggerMs: 0,
  lingerMs: 200,
  graceMs: 200,
  briefMs: 50,
  trouble: { firstMs: 20, maxMs: 100 },
  crowded: { firstMs: 200, maxMs: 400 },
};
