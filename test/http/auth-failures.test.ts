import { describe, expect, it } from "vitest";
import { AuthFailures } from "../../src/http/auth-failures.ts";

const from = (remoteAddress: string | undefined, forwardedFor?: string | string[]) => ({ remoteAddress, forwardedFor });

function open(trustedProxies: string[] = []): { failures: AuthFailures; wait: (ms: number) => void } {
  let now = 1_000_000;
  return { failures: new AuthFailures({ trustedProxies, now: () => now }), wait: (ms) => void (now += ms) };
}

function fail(failures: AuthFailures, client: ReturnType<typeof from>, times: number): void {
  for (let time = 0; time < times; time++) failures.failed(client);
}

const refusal = expect.objectContaining({ code: "rate_limited" });

describe("security-08: failed attempts to authenticate", () => {
  it("block a client after 20 in a minute, for five minutes from the last", () => {
    const { failures, wait } = open();
    const client = from("203.0.113.7");
    fail(failures, client, 19);
    failures.check(client);
    wait(59_000);
    failures.failed(client);
    expect(() => failures.check(client)).toThrow(
      expect.objectContaining({ code: "rate_limited", retryAfterMs: 300_000, message: "Too many failed attempts." }),
    );
    wait(299_999);
    expect(() => failures.check(client)).toThrow(expect.objectContaining({ retryAfterMs: 1 }));
    wait(1);
    failures.check(client);
    fail(failures, client, 19);
    failures.check(client);
  });

  it("do not block a client that fails slowly", () => {
    const { failures, wait } = open();
    for (let attempt = 0; attempt < 200; attempt++) {
      failures.failed(from("203.0.113.7"));
      failures.check(from("203.0.113.7"));
      wait(3_200);
    }
  });

  it("are counted in every minute, not by the minute", () => {
    const { failures, wait } = open();
    wait(50_000);
    fail(failures, from("203.0.113.7"), 10);
    wait(20_000);
    fail(failures, from("203.0.113.7"), 10);
    expect(() => failures.check(from("203.0.113.7"))).toThrow(refusal);
  });

  it("that were under way when the block began do not prolong it", () => {
    const { failures, wait } = open();
    const client = from("203.0.113.7");
    fail(failures, client, 20);
    wait(200_000);
    failures.failed(client);
    expect(() => failures.check(client)).toThrow(refusal);
    fail(failures, client, 50);
    wait(100_000);
    failures.check(client);
    failures.failed(client);
    failures.check(client);
  });

  it("of one client do not block another", () => {
    const { failures } = open();
    fail(failures, from("203.0.113.7"), 20);
    failures.check(from("203.0.113.8"));
    expect(() => failures.check(from("203.0.113.7"))).toThrow(refusal);
  });

  it("from 100,000 addresses take the memory of 10,000", () => {
    const { failures } = open(["127.0.0.1"]);
    for (let n = 0; n < 100_000; n++) failures.failed(from("127.0.0.1", `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`));
    expect(failures.size).toBe(10_000);
    fail(failures, from("127.0.0.1", "10.1.134.159"), 19);
    expect(() => failures.check(from("127.0.0.1", "10.1.134.159"))).toThrow(refusal);
    expect(failures.size).toBe(10_000);
  });

  it("are forgotten first of those that failed longest ago", () => {
    const { failures } = open();
    const old = from("203.0.113.7");
    fail(failures, old, 19);
    for (let n = 0; n < 9_999; n++) failures.failed(from(`10.0.${n >> 8}.${n & 255}`));
    failures.failed(old);
    failures.failed(from("10.1.0.0"));
    expect(() => failures.check(old)).toThrow(refusal);
  });

  it("are counted for a whole IPv6 network of 64 bits", () => {
    const { failures } = open();
    for (let n = 0; n < 20; n++) failures.failed(from(`2001:db8:1:2:${n}::${n}`));
    expect(() => failures.check(from("2001:0db8:0001:0002::ffff"))).toThrow(refusal);
    failures.check(from("2001:db8:1:3::1"));
    failures.check(from("2001:db8::1"));
  });

  it("know IPv4 inside of IPv6, zones, and sockets without an address", () => {
    const { failures } = open();
    fail(failures, from("::ffff:203.0.113.7"), 20);
    expect(() => failures.check(from("203.0.113.7"))).toThrow(refusal);
    fail(failures, from("fe80::1%eth0"), 20);
    expect(() => failures.check(from("fe80::1"))).toThrow(refusal);
    fail(failures, from(undefined), 20);
    expect(() => failures.check(from(undefined))).toThrow(refusal);
    failures.check(from("203.0.113.8"));
  });
});

describe("security-09: X-Forwarded-For", () => {
  it("is not read when no proxy is trusted, loopback or not", () => {
    for (const address of ["203.0.113.7", "127.0.0.1", "::1"]) {
      const { failures } = open();
      for (let n = 0; n < 20; n++) failures.failed(from(address, `198.51.100.${n}`));
      expect(() => failures.check(from(address, "198.51.100.99"))).toThrow(refusal);
    }
  });

  it("is not read from others than the trusted proxies", () => {
    const { failures } = open(["10.0.0.0/8"]);
    for (let n = 0; n < 20; n++) failures.failed(from("203.0.113.7", `198.51.100.${n}`));
    expect(() => failures.check(from("203.0.113.7"))).toThrow(refusal);
  });

  it("tells clients behind a trusted proxy apart", () => {
    const { failures } = open(["10.0.0.0/8", "fd00::/8"]);
    fail(failures, from("10.1.2.3", "198.51.100.1"), 20);
    expect(() => failures.check(from("10.9.9.9", "198.51.100.1"))).toThrow(refusal);
    expect(() => failures.check(from("fd00::1", "198.51.100.1:4711"))).toThrow(refusal);
    expect(() => failures.check(from("::ffff:10.1.2.3", ["198.51.100.1"]))).toThrow(refusal);
    failures.check(from("10.1.2.3", "198.51.100.2"));
  });

  it("counts from its end: what the client wrote itself stands before", () => {
    const { failures } = open(["10.0.0.0/8"]);
    for (let n = 0; n < 20; n++) failures.failed(from("10.1.2.3", `192.0.2.${n}, 198.51.100.1, 10.4.5.6`));
    expect(() => failures.check(from("10.1.2.3", "198.51.100.1"))).toThrow(refusal);
    failures.check(from("10.1.2.3", "192.0.2.1"));
  });

  it.each(["", "unknown", "198.51.100.1, garbage", "_hidden", "1.2.3.4.5", "[::", ","])(
    "falls back to the proxy when it ends in %j",
    (header) => {
      const { failures } = open(["10.1.2.3"]);
      fail(failures, from("10.1.2.3", header), 20);
      expect(() => failures.check(from("10.1.2.3"))).toThrow(refusal);
    },
  );
});
