import type { FieldNotes } from "./card-fields.ts";

/** A server that a card brings, as it is written: variables are put in where it is connected to, so no card holds secrets. */
export interface CardServer {
  name: string;
  url: string;
  headers?: Readonly<Record<string, string>>;
  accessToken?: string;
}

const FIELDS = [
  "name",
  "target",
  "protocol_mode",
  "headers",
  "auth",
  "description",
  "management",
  "connector_id",
  "access_token",
  "defer_loading",
];
/** How a process is started is the operator's to say: fast-agent takes these in its configuration alone. */
const PROCESS_FIELDS = ["command", "args", "env", "cwd"];

/** `mcp_connect`: a mapping of names to servers, or the older list of servers that hold their name. */
export function readConnections(value: unknown, { faults, warnings }: FieldNotes): CardServer[] {
  if (value === undefined || value === null || value === false || value === "none") return [];
  const fault = faultOf(value);
  if (fault) {
    faults.push(`mcp_connect: ${fault}`);
    return [];
  }
  const named = Array.isArray(value)
    ? value.map((each: Record<string, unknown>): [string, Record<string, unknown>] => [String(each["name"]), each])
    : Object.entries(value as Record<string, Record<string, unknown>>);
  return named.flatMap(([name, { target, headers, access_token: token, auth }]) => {
    if (auth !== undefined && auth !== null) {
      warnings.push(`mcp_connect: ${name}.auth is not done here; give headers or an access_token`);
    }
    const url = String(target).trim();
    if (!/^(https?:\/\/|\$\{)/i.test(url)) {
      warnings.push(
        `mcp_connect: ${name} would be started as a process on this machine, which a card may not ask for; ` +
          "write it into MCP_CONFIG and name it in servers",
      );
      return [];
    }
    return [
      {
        name,
        url,
        ...(isMapping(headers) && { headers: headers as Record<string, string> }),
        ...(isText(token) && { accessToken: token }),
      },
    ];
  });
}

function faultOf(value: unknown): string | null {
  const named = isMapping(value) ? Object.entries(value) : null;
  const listed = Array.isArray(value) ? value.map((each, index): [string, unknown] => [String(index + 1), each]) : null;
  const servers = named ?? listed;
  if (!servers) return "must be a mapping of names to servers";
  for (const [name, server] of servers) {
    if (!isMapping(server)) return `${name} must be a mapping of fields to values`;
    const process = PROCESS_FIELDS.find((field) => Object.hasOwn(server, field));
    if (process) return `${name}.${process} may not stand in a card; write a target`;
    const other = Object.keys(server).find((field) => !FIELDS.includes(field));
    if (other) return `${name}.${other} is not a field of a server; remove it`;
    if (server["management"] === "provider") return `${name} is managed by its provider, which is not supported`;
    if (!isText(server["target"])) return `${name}.target must be a URL or a command`;
    if (listed && !isText(server["name"])) return `${name}.name must be a text that is not empty`;
    const { headers = null } = server;
    const sound = headers === null || (isMapping(headers) && Object.values(headers).every(isText));
    if (!sound) return `${name}.headers must be a mapping of names to texts`;
  }
  return null;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.trim() !== "";
const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
