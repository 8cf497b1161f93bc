import { BlockList, isIP } from "node:net";

/** What IANA's registry of special IPv4 addresses does not give to the public (iana.org/assignments/iana-ipv4-special-registry). */
const SPECIAL_IPV4: readonly [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  // Azure's host, which answers to every virtual machine (learn.microsoft.com, "What is IP address 168.63.129.16?").
  ["168.63.129.16", 32],
];

/** Within 2000::/3, all that is given to the public at all; 2001::/23 has Teredo, 2002::/16 is 6to4. */
const SPECIAL_IPV6: readonly [string, number][] = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
];

const GIVEN_OUT = listed([["2000::", 3]], "ipv6");
const REFUSED = { ipv4: listed(SPECIAL_IPV4, "ipv4"), ipv6: listed(SPECIAL_IPV6, "ipv6") };

/**
 * True for an address that belongs to the public internet alone. IPv6 that carries an IPv4 address (mapped, NAT64,
 * 6to4, Teredo) is none, whatever it carries; nor is anything with a zone, or that is no address.
 */
export function isPublicAddress(address: string): boolean {
  if (address.includes("%")) return false;
  const family = isIP(address);
  if (family === 4) return !REFUSED.ipv4.check(address, "ipv4");
  return family === 6 && GIVEN_OUT.check(address, "ipv6") && !REFUSED.ipv6.check(address, "ipv6");
}

function listed(subnets: readonly [string, number][], family: "ipv4" | "ipv6"): BlockList {
  const list = new BlockList();
  for (const [address, bits] of subnets) list.addSubnet(address, bits, family);
  return list;
}
