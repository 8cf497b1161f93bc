import nock from "nock";
import { afterAll, afterEach, beforeAll, expect } from "vitest";

/** No test reaches beyond this machine. */
const LOOPBACK = /^(127\.0\.0\.1|localhost|::1):\d+$/;

beforeAll(() => {
  // Files share a process, and the one before has let go.
  if (!nock.isActive()) nock.activate();
  nock.disableNetConnect();
  nock.enableNetConnect(LOOPBACK);
});

/** An interceptor that nobody used is an expectation that did not come true, and would answer a later test. */
afterEach(() => {
  const left = nock.pendingMocks();
  nock.cleanAll();
  expect(left, "interceptors left over").toEqual([]);
});

afterAll(() => {
  nock.restore();
});
