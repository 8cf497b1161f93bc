import { assert, bigInt, boolean, constantFrom, integer, oneof, property, tuple } from "fast-check";
import { describe, expect, test } from "vitest";
import { isPublicAddress } from "../../adapters/web/public-address.ts";

describe("security-26: an address is public", () => {
  test.each(["93.184.216.34", "8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"])(
    "%s is",
    (address) => expect(isPublicAddress(address)).toBe(true),
  );

  test.each([
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::8.8.8.8",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:4136:e378::1",
    "2001:db8::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "2606:4700::1111%eth0",
    "0x7f.1",
    "2130706433",
    "localhost",
    "",
  ])("%s is not", (address) => expect(isPublicAddress(address)).toBe(false));

  test("for every IPv4 address as the ranges of the registry say", () => {
    const near = constantFrom(...RANGES_4.flat()).chain((edge) => integer({ min: -2, max: 2 }).map((by) => edge + by));
    const any = oneof(near, integer({ min: 0, max: 0xffffffff })).map((value) => (value + 2 ** 32) % 2 ** 32);
    assert(
      property(any, (value) => {
        const inside = RANGES_4.some(([from, to]) => value >= from && value <= to);
        expect(isPublicAddress(dotted(value))).toBe(!inside);
      }),
      { numRuns: 5_000 },
    );
  });

  test("for every IPv6 address as its first bits say, however it is written", () => {
    const start = constantFrom("", ...SPECIAL_6, ...GIVEN_6);
    const address = tuple(start, bigInt(0n, 2n ** 128n - 1n)).map(([bits, value]) => {
      return bits + value.toString(2).padStart(128, "0").slice(bits.length);
    });
    assert(
      property(address, boolean(), (bits, upper) => {
        const groups = Array.from({ length: 8 }, (_, at) => Number.parseInt(bits.slice(at * 16, at * 16 + 16), 2));
        const written = groups.map((group) => group.toString(16)).join(":");
        const tail = groups.slice(6).flatMap((group) => [group >> 8, group & 255]);
        const mixed = `${groups
          .slice(0, 6)
          .map((group) => group.toString(16))
          .join(":")}:${tail.join(".")}`;
        const open = bits.startsWith("001") && !SPECIAL_6.some((special) => bits.startsWith(special));
        expect(isPublicAddress(upper ? written.toUpperCase() : written)).toBe(open);
        expect(isPublicAddress(mixed)).toBe(open);
      }),
      { numRuns: 5_000 },
    );
  });
});

/** First and last address of what is not public, as whole numbers. */
const RANGES_4: readonly [number, number][] = (
  [
    ["0.0.0.0", "0.255.255.255"],
    ["10.0.0.0", "10.255.255.255"],
    ["100.64.0.0", "100.127.255.255"],
    ["127.0.0.0", "127.255.255.255"],
    ["168.63.129.16", "168.63.129.16"],
    ["169.254.0.0", "169.254.255.255"],
    ["172.16.0.0", "172.31.255.255"],
    ["192.0.0.0", "192.0.0.255"],
    ["192.0.2.0", "192.0.2.255"],
    ["192.88.99.0", "192.88.99.255"],
    ["192.168.0.0", "192.168.255.255"],
    ["198.18.0.0", "198.19.255.255"],
    ["198.51.100.0", "198.51.100.255"],
    ["203.0.113.0", "203.0.113.255"],
    ["224.0.0.0", "255.255.255.255"],
  ] as const
).map(([from, to]) => [whole(from), whole(to)]);

/** Teredo and its neighbours, documentation (twice), 6to4. */
const SPECIAL_6 = [bitsOf("2001", 16) + "0000000", bitsOf("20010db8", 32), bitsOf("2002", 16), bitsOf("3fff0", 20)];
const GIVEN_6 = [bitsOf("2606", 16), bitsOf("20014", 20), bitsOf("3fff1", 20), "001"];

function bitsOf(hex: string, bits: number): string {
  return BigInt(`0x${hex}`).toString(2).padStart(bits, "0");
}

function whole(address: string): number {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function dotted(value: number): string {
  return [24, 16, 8, 0].map((by) => Math.floor(value / 2 ** by) % 256).join(".");
}
