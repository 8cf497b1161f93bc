import { lookup } from "node:dns/promises";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { GatewayError } from "../../src/errors.ts";
import { isPublicAddress } from "./public-address.ts";

/** All addresses of a name; rejects, or gives none, where there is no such name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** Opens a connection for `options` to one of `addresses`, and to nothing else. */
export type Dial = (
  options: buildConnector.Options,
  addresses: readonly string[],
  callback: buildConnector.Callback,
) => void;

const CONNECT_MS = 5_000;
const ATTEMPT_MS = 1_000;
const PORTS = ["", "80", "443"];

/**
 * Connects to public addresses alone. The addresses that were checked are the ones connected to: a name is asked for
 * once, and one address that is not public spoils them all. Why it was refused is not told, so that nobody learns which
 * names there are inside.
 */
export function guardedConnector(resolve: Resolve = resolveAll, dial: Dial = dialPinned): buildConnector.connector {
  return (options, told) => {
    checkedAddresses(options, resolve).then(
      (addresses) => dial(options, addresses, told),
      (error: Error) => told(error, null),
    );
  };
}

async function checkedAddresses({ hostname, port }: buildConnector.Options, resolve: Resolve): Promise<string[]> {
  if (!PORTS.includes(port)) throw new GatewayError("forbidden", "Only the ports 80 and 443 can be asked.");
  const addresses = isIP(hostname) ? [hostname] : await resolve(hostname).catch(() => []);
  if (addresses.length > 0 && addresses.every(isPublicAddress)) return [...addresses];
  throw new GatewayError("forbidden", `"${hostname}" has no public address.`);
}

async function resolveAll(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

/** Whatever the socket asks about a name, it hears these addresses. */
export function dialPinned(
  options: buildConnector.Options,
  addresses: readonly string[],
  callback: buildConnector.Callback,
): void {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }));
  const answer: LookupFunction = (_host, { all }, told) => {
    if (all) told(null, pinned);
    else told(null, pinned[0]?.address ?? "", pinned[0]?.family ?? 0);
  };
  const connect = buildConnector({
    allowH2: false,
    timeout: CONNECT_MS,
    lookup: answer,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: ATTEMPT_MS,
  });
  connect(options, callback);
}
