import { afterEach, beforeEach, expect, test } from "vitest";
import { SlackDownloads } from "../../adapters/slack/slack-download.ts";
import type { FilePart } from "../../src/agent/message.ts";
import type { IncomingUpdate } from "../../src/platform/incoming-update.ts";
import type { PlatformAdapter } from "../../src/platform/platform-adapter.ts";
import type { FakeSlack } from "../fakes/slack/fake-slack.ts";
import { type ConnectedSlack, connectSlack } from "./start-slack.ts";

let slack: FakeSlack;
let adapter: PlatformAdapter;
let close: ConnectedSlack["close"];
const never = new AbortController().signal;

beforeEach(async () => {
  ({ slack, adapter, close } = await connectSlack());
});
afterEach(() => close());

async function read(ref: string, from = adapter): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await from.files!.fetch(ref, never)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** What the adapter makes of a message with this file. */
async function partOf(file: { name: string; mimetype?: string; bytes?: Buffer; fields?: object }): Promise<FilePart> {
  const user = slack.user("ann");
  const over = new AbortController();
  const got = Promise.withResolvers<IncomingUpdate>();
  const running = adapter.start(async (update) => got.resolve(update), over.signal);
  slack.say({ channel: slack.dm(user), user, text: "", files: [file as never] });
  const update = await got.promise;
  over.abort();
  await running;
  return update.kind === "message" ? update.files![0]! : expect.unreachable(update.kind);
}

test("a file that came with a message is read with the token", async () => {
  const part = await partOf({ name: "a.txt", bytes: Buffer.from("hello") });
  expect(part).toMatchObject({ kind: "document", name: "a.txt", mediaType: "text/plain", size: 5 });
  expect(await read(part.ref!)).toBe("hello");
});

test("a page that asks for a login is no file", async () => {
  const part = await partOf({ name: "a.txt" });
  slack.app.scopes.delete("files:read");
  await expect(read(part.ref!)).rejects.toMatchObject({ code: "forbidden" });
  const downloads = new SlackDownloads(() => "xoxb-wrong", slack.apiUrl);
  const address = `${new URL(slack.apiUrl).origin}/files/${part.ref}/a.txt`;
  await expect(downloads.open(address, "text/plain", never)).rejects.toMatchObject({ code: "not_found" });
  await downloads.close();
});

test.each(["files.slack.com", "acme.slack.com", "slack-files.com", "files.slack-gov.com"])(
  "files are read from %s",
  async (host) => {
    const downloads = new SlackDownloads(() => "xoxb-any", null);
    // Ended before it asks anybody.
    const opened = downloads.open(`https://${host}/x`, "", AbortSignal.abort());
    await expect(opened).rejects.toMatchObject({ code: "cancelled" });
    await downloads.close();
  },
);

test.each(["", "F0", "../x", "https://files.slack.com/x"])("%j is no file", async (ref) => {
  await expect(read(ref)).rejects.toMatchObject({ code: "not_found" });
});

test.each([
  "http://files.slack.com/x",
  "https://files.slack.com.evil.example/x",
  "https://evilslack.com/x",
  "https://evil-slack-gov.com/x",
  "https://files.slack.com:8443/x",
  "https://u:p@files.slack.com/x",
  "https://169.254.169.254/x",
  "file:///etc/passwd",
  "x",
])("the token does not go to %s", async (address) => {
  const part = await partOf({ name: "a.txt", fields: { url_private_download: address } });
  await expect(read(part.ref!)).rejects.toMatchObject({ code: "not_found" });
});

test("a file of the agent's appears in its thread, and Slack does not say as which message", async () => {
  const channel = slack.channelNamed("general");
  const user = slack.user("ann");
  const { ts } = slack.say({ channel, user, text: "please" });
  const to = { account: adapter.account, chat: channel.id, thread: ts, replyTo: null, placeKind: "group" } as const;
  const file = { name: "costs.csv", mediaType: "text/csv", bytes: Buffer.from("a;b") };
  expect(await adapter.files!.send(to, file)).toBeNull();
  const posted = [...channel.messages.values()].at(-1)!;
  expect(posted).toMatchObject({ threadTs: ts, extra: { files: [{ name: "costs.csv" }] } });
  const [{ id }] = posted.extra["files"] as [{ id: string }];
  expect(await read(id)).toBe("a;b");
});

test("what fails before the last call was not delivered; what is lost in it may have been", async () => {
  const channel = slack.channelNamed("general");
  const to = { account: adapter.account, chat: channel.id, thread: "", replyTo: null, placeKind: "group" } as const;
  const send = () => adapter.files!.send(to, { name: "a.csv", mediaType: "text/csv", bytes: Buffer.from("a;b") });
  slack.fault({ kind: "reset-after-applying", method: "files.getUploadURLExternal" });
  await expect(send()).rejects.toMatchObject({ code: "unavailable", delivered: "no" });
  slack.fault({ kind: "reset-after-applying", method: "files.completeUploadExternal" });
  await expect(send()).rejects.toMatchObject({ code: "unavailable", delivered: "unknown" });
});
