import { expect, test } from "vitest";
import { EventParser } from "../../web/kit/read-events.ts";

const STREAM =
  'retry: 1000\n\n:\n\nid: 1.2\nevent: text.delta\ndata: {"text":"ä: b"}\n\n' +
  'id: 3\ndata: {"n":\ndata: 1}\n\nevent: broken\ndata: {\n\n';

test("events are read however the stream is cut, without comments, settings and what is no JSON", () => {
  const whole = [
    { id: "1.2", event: "text.delta", data: { text: "ä: b" } },
    { id: "3", event: "message", data: { n: 1 } },
  ];
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new EventParser();
    const pieces = STREAM.match(new RegExp(`[^]{1,${size}}`, "g"))!;
    expect(
      pieces.flatMap((piece) => parser.push(piece)),
      `${size} at once`,
    ).toEqual(whole);
  }
});
