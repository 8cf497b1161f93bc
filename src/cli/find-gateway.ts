import { readFileSync } from "node:fs";
import { ConfigFaults } from "../config.ts";
import { ConfigReader, type Environment } from "../config-reader.ts";
import { GatewayError } from "../errors.ts";
import { readAdminKey } from "../store/admin-key.ts";

/** Listening everywhere is no address to call. */
const EVERYWHERE: Record<string, string> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

/**
 * Where the gateway of these settings is and with which key: the same variables and the same data directory as the
 * gateway's own, and no others, so that it works where the rest is not set. `url` goes before HOST and PORT. Rejects
 * with `ConfigFaults`, or a `GatewayError` that says what to do.
 */
export async function findGateway(env: Environment, url: string | null): Promise<{ url: string; key: string }> {
  const reader = new ConfigReader(env, (path) => readFileSync(path, "utf8"));
  const key = reader.text("ADMIN_API_KEY");
  const dataDir = reader.path("DATA_DIR", "./data");
  const address = url ?? addressOf(reader);
  if (!/^https?:\/\/[^/]/i.test(address) || !URL.canParse(address)) {
    reader.fault("--url", "is no URL. Write one like http://127.0.0.1:3000.");
  }
  if (reader.faults.length > 0) throw new ConfigFaults(reader.faults);
  return { url: address, key: key ?? (await storedKey(dataDir)) };
}

function addressOf(reader: ConfigReader): string {
  const host = reader.text("HOST") ?? "127.0.0.1";
  const port = reader.text("PORT") ?? "3000";
  if (!/^[1-9]\d{0,4}$/.test(port)) reader.fault("PORT", "is no port to call. Set it, or say --url.");
  const reachable = EVERYWHERE[host] ?? host;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

async function storedKey(dataDir: string): Promise<string> {
  const key = await readAdminKey(dataDir);
  if (key !== null) return key;
  const advice = "Set ADMIN_API_KEY, or start the gateway once with this DATA_DIR: it makes one.";
  throw new GatewayError("not_found", `There is no key in ${dataDir}. ${advice}`);
}
