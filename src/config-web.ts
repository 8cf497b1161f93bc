import type { ConfigReader } from "./config-reader.ts";

const WEB_ACCESS = ["link", "guest", "off"] as const;

/** Who may use the web page: whoever has a one-time link, also guests, or nobody. */
export interface WebConfig {
  readonly access: (typeof WEB_ACCESS)[number];
}

export function readWeb(reader: ConfigReader): WebConfig {
  return { access: reader.choice("WEB_ACCESS", WEB_ACCESS, "link") };
}
