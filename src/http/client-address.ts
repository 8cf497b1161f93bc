import { BlockList, isIP } from "node:net";

/** What a request says of where it comes from; only the first is certain. */
export interface Client {
  /** The other end of the socket; undefined for Unix sockets. */
  remoteAddress: string | undefined;
  /** The header X-Forwarded-For. */
  forwardedFor: string | string[] | undefined;
}

/** A proxy adds one entry; longer chains than this are made up. */
const MAX_HOPS = 20;

/**
 * Makes a function that tells clients apart: by the address of the socket, and behind proxies that are listed in
 * `trustedProxies` (addresses or CIDR ranges) by the last address that such a proxy saw. Without a list the header is
 * never read, since anybody can send it. Of IPv6 the first 64 bits count: the rest is free for the client to choose.
 */
export function createClientAddress(trustedProxies: readonly string[]): (client: Client) => string {
  const trusted = new BlockList();
  for (const entry of trustedProxies) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  const isTrusted = (address: string): boolean => trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");

  return ({ remoteAddress, forwardedFor }) => {
    let address = readAddress(remoteAddress ?? "");
    if (address === null) return "unknown";
    if (trustedProxies.length > 0 && isTrusted(address)) {
      const header = Array.isArray(forwardedFor) ? forwardedFor.join(",") : (forwardedFor ?? "");
      for (const entry of header.split(",").slice(-MAX_HOPS).toReversed()) {
        const hop = readAddress(entry);
        if (hop === null) break;
        address = hop;
        if (!isTrusted(hop)) break;
      }
    }
    return isIP(address) === 6 ? network(address) : address;
  };
}

/** An address without port, brackets and zone; IPv4 inside IPv6 as IPv4. Null = none. */
function readAddress(text: string): string | null {
  const plain = text.trim().replace(/^\[(.*)\](:\d+)?$/, "$1");
  const bare = isIP(plain) === 0 ? plain.replace(/:\d+$/, "") : plain.replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
  return isIP(mapped) === 0 ? null : mapped;
}

/** The first four of the eight groups. */
function network(address: string): string {
  // URLs write addresses in one way only: https://url.spec.whatwg.org/#concept-ipv6-serializer
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = head.split(":").filter((group) => group !== "");
  const rest = tail === undefined ? [] : tail.split(":").filter((group) => group !== "");
  const gap = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  return `${[...groups, ...gap, ...rest].slice(0, 4).join(":")}::/64`;
}
