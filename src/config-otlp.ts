import type { ConfigReader } from "./config-reader.ts";

/** Where traces go besides; `endpoint` has no slash at its end. */
export interface OtlpConfig {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
export function readOtlp(reader: ConfigReader): OtlpConfig | null {
  const endpoint = reader.url("OTEL_EXPORTER_OTLP_ENDPOINT");
  const headers: Record<string, string> = {};
  // As W3C's baggage: key=value, separated by commas, percent-encoded.
  for (const entry of (reader.text("OTEL_EXPORTER_OTLP_HEADERS") ?? "")
    .split(",")
    .filter((each) => each.trim() !== "")) {
    const [, name = "", value = ""] = /^\s*([\w!#$&'*.^`|~+-]+)\s*=\s*(\S(?:.*\S)?)\s*$/.exec(entry) ?? [];
    const decoded = decode(value);
    if (name === "" || decoded === null || !/^[\x20-\x7e]+$/.test(decoded)) {
      reader.fault("OTEL_EXPORTER_OTLP_HEADERS", "is no list of headers. Write name=value, separated by commas.");
      return null;
    }
    headers[name.toLowerCase()] = decoded;
  }
  return endpoint === null ? null : { endpoint, headers };
}

function decode(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}
