/** What one server gives to its clients at most. Times are in ms. */
export interface HttpLimits {
  /** Of a request's body; routes and webhooks may have their own. */
  bodyBytes: number;
  /** For the headers of a request, and for the whole of it: whoever trickles is cut off. */
  headersMs: number;
  requestMs: number;
  /** How often the two above are looked at. */
  checkEveryMs: number;
  /** A connection on which nothing moves, within a request and between two. */
  idleMs: number;
  keepAliveMs: number;
  /** From a request's headers to its answer (not for event streams). */
  answerMs: number;
  /** For requests under way when the server closes. */
  closeMs: number;
  connections: number;
  /** Event streams at once. */
  streamsPerUser: number;
  streams: number;
  /** A comment is sent on event streams this often, so that both sides notice a connection that is gone. */
  heartbeatMs: number;
  /** How often a stream of events looks whether its key still opens it. */
  standingMs: number;
  /** A reader of events must take in what was sent within this time. */
  readerMs: number;
}

export const DEFAULT_LIMITS: Readonly<HttpLimits> = {
  bodyBytes: 1024 * 1024,
  headersMs: 10_000,
  // The largest file over a slow line; what no key opens is refused by its headers.
  requestMs: 120_000,
  checkEveryMs: 5_000,
  idleMs: 75_000,
  keepAliveMs: 72_000,
  answerMs: 30_000,
  closeMs: 3_000,
  connections: 5_000,
  streamsPerUser: 20,
  streams: 500,
  heartbeatMs: 15_000,
  // Who may read is known for 2 s, so that whoever may no more reads for 10 s at most.
  standingMs: 7_000,
  readerMs: 60_000,
};
