import { badRequest } from "./refusal.ts";

/** The user part of `userinfo@host:port`, the host and the port, before the path. */
const AUTHORITY = /^(?:[^/?#]*@)?(\[[^\]]*\]|[^:/?#[\]]*)(?::([^/?#]*))?(?:[/?#]|$)/;

/**
 * Whether a text_link may point there. One bad link refuses the whole message, so this matters: only http, https, tg
 * and ton are known, and a host of the web needs a dot ("localhost" is refused). Rules: tdlib td/telegram/LinkManager.cpp
 * (check_link_impl) and tdutils/td/utils/HttpUrl.cpp (parse_url).
 * @returns the link as given
 */
export function checkLink(link: string): string {
  const trouble = linkTrouble(link);
  if (trouble !== undefined) {
    throw badRequest(`entity URL '${link}' is invalid: ${trouble}`);
  }
  return link;
}

function linkTrouble(link: string): string | undefined {
  const own = /^(tg|ton):(?:\/\/)?/i.exec(link);
  if (own !== null) {
    return /^[a-z0-9_-]+(?:[/?#]|$)/i.test(link.slice(own[0].length))
      ? undefined
      : `Wrong ${own[1]?.toLowerCase()} URL`;
  }
  const scheme = /^([^:/?#@[\]]*):\/\//.exec(link);
  if (scheme !== null && !["http", "https"].includes(scheme[1]?.toLowerCase() ?? "")) {
    return "Unsupported URL protocol";
  }
  const [, host, port] = AUTHORITY.exec(link.slice(scheme?.[0].length ?? 0)) ?? [];
  if (port !== undefined && !(/^\d+$/.test(port) && Number(port) > 0 && Number(port) <= 65_535)) {
    return "Wrong port number specified in the URL";
  }
  if (host === undefined || host === "") {
    return "URL host is empty";
  }
  return host.startsWith("[") || host.includes(".") ? undefined : "Wrong HTTP URL";
}
