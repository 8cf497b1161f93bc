import { expect, it } from "vitest";
import { NewGuests } from "../../src/http/new-guests.ts";

const from = (remoteAddress: string) => ({ remoteAddress, forwardedFor: undefined });

function open(): { come: (address: string, times?: number) => void; wait: (minutes: number) => void } {
  let now = 1_000_000;
  const guests = new NewGuests({ now: () => now });
  return {
    come(address, times = 1) {
      for (let time = 0; time < times; time++) guests.count(from(address));
    },
    wait: (minutes) => void (now += minutes * 60_000),
  };
}

it("of an address 20 guests come in any hour, and asking for more prolongs nothing", () => {
  const { come, wait } = open();
  come("203.0.113.7", 10);
  wait(30);
  come("203.0.113.7", 10);
  const refusal = expect.objectContaining({ code: "rate_limited", retryAfterMs: 1_800_000 });
  for (let n = 0; n < 5; n++) expect(() => come("203.0.113.7")).toThrow(refusal);
  expect(() => come("203.0.113.7")).toThrow("Too many new guests came from your address. Try it again in 30 min,");
  come("203.0.113.8");
  wait(30);
  come("203.0.113.7", 10);
  expect(() => come("203.0.113.7")).toThrow(refusal);
});

it("an address of IPv6 is its network", () => {
  const { come } = open();
  for (let n = 0; n < 20; n++) come(`2001:db8:1:2::${n + 1}`);
  expect(() => come("2001:db8:1:2:ffff::1")).toThrow("Too many new guests");
  come("2001:db8:1:3::1");
});

it("whoever sent no guest for longest is forgotten first", () => {
  const { come } = open();
  come("203.0.113.7", 20);
  come("203.0.113.8", 20);
  for (let n = 0; n < 9_999; n++) come(`10.0.${n >> 8}.${n & 255}`);
  come("203.0.113.7");
  expect(() => come("10.0.0.0", 20)).toThrow("Too many new guests");
});
