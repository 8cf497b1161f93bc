import { randomBytes } from "node:crypto";
import type { FakeChannel } from "./channels.ts";
import type { FakeUser } from "./directory.ts";

/** docs.slack.dev/interactivity/handling-user-interaction: five answers within thirty minutes. */
const USES = 5;
const LIFE_MS = 30 * 60_000;

/** Who may be answered there. */
export interface ResponseUrl {
  readonly channel: FakeChannel;
  readonly user: FakeUser;
  /** The message whose button was pressed; null for commands and shortcuts. */
  readonly messageTs: string | null;
  readonly threadTs: string | null;
  readonly madeAt: number;
  uses: number;
}

/** The URLs that come with commands and presses. */
export class ResponseUrls {
  #urls = new Map<string, ResponseUrl>();
  #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns its path on the fake */
  add(
    kind: "commands" | "actions" | "app-actions",
    target: Pick<ResponseUrl, "channel" | "user" | "messageTs" | "threadTs">,
  ): string {
    const path = `/${kind}/${randomBytes(12).toString("hex")}`;
    this.#urls.set(path, { ...target, madeAt: this.#now(), uses: 0 });
    return path;
  }

  /** Takes one use. undefined = there is no such URL; "expired_url", "used_url" as Slack says. */
  take(path: string): ResponseUrl | "expired_url" | "used_url" | undefined {
    const found = this.#urls.get(path);
    if (found === undefined) {
      return undefined;
    }
    if (this.#now() - found.madeAt >= LIFE_MS) {
      return "expired_url";
    }
    if (found.uses >= USES) {
      return "used_url";
    }
    found.uses++;
    return found;
  }
}
