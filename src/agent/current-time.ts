import type { Clock } from "./clock.ts";
import type { FunctionTool } from "./function-tools.ts";

/** The built-in tool that tells date and time, in UTC or in an IANA time zone. */
export function currentTimeTool(clock: Pick<Clock, "now">): FunctionTool {
  return {
    name: "current_time",
    description: "The current date, weekday and time, in UTC or in the given time zone.",
    schema: {
      type: "object",
      properties: {
        timeZone: { type: "string", description: "IANA name such as Europe/Berlin; left out: UTC.", maxLength: 64 },
      },
      additionalProperties: false,
    },
    readOnly: true,
    afterCrash: "repeat",
    timeoutMs: 1000,
    run: ({ timeZone }) => describeTime(clock.now(), typeof timeZone === "string" ? timeZone : "UTC"),
  };
}

/** For example `Saturday, 2026-11-21T10:15:00+01:00 (Europe/Berlin)`. Throws a sentence for an unknown zone. */
function describeTime(nowMs: number, timeZone: string): string {
  const parts = new Map(
    zoned(timeZone)
      .formatToParts(nowMs)
      .map((part) => [part.type, part.value]),
  );
  const get = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? "";
  // "GMT+01:00"; plain "GMT" stands for no offset.
  const offset = get("timeZoneName").replace("GMT", "") || "+00:00";
  const date = `${get("year")}-${get("month")}-${get("day")}`;
  const time = `${get("hour")}:${get("minute")}:${get("second")}`;
  return `${get("weekday")}, ${date}T${time}${offset} (${timeZone})`;
}

function zoned(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone,
      weekday: "long",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      hourCycle: "h23",
      timeZoneName: "longOffset",
    });
  } catch (cause) {
    throw new Error(`"${timeZone}" is not an IANA time zone. Use a name such as Europe/Berlin or America/New_York.`, {
      cause,
    });
  }
}
