import { countOf, isObject, jsonOf, requiredText, textOf } from "./args.ts";
import type { FakeChannel, Json } from "./channels.ts";
import { seenChannel } from "./place-checks.ts";
import { Refusal } from "./refusal.ts";
import { tellOfMessage } from "./tell.ts";
import type { ApiCall } from "./world.ts";

/** A file as `files.info` and messages have it, and its bytes; null = announced and not uploaded yet. */
export interface FakeFile {
  json: Json & { id: string };
  bytes: Buffer | null;
}

export function filesInfo({ world, args }: ApiCall): Json {
  const file = world.files.get(requiredText(args, "file", "file_not_found"));
  if (!file?.bytes) {
    throw new Refusal("file_not_found");
  }
  return { file: file.json };
}

export function getUploadUrl({ world, args }: ApiCall): Json {
  const name = requiredText(args, "filename", "invalid_arguments");
  const size = countOf(args, "length", 0, 1_073_741_824);
  if (size === 0) {
    throw new Refusal("invalid_arguments");
  }
  const id = world.directory.newId("F");
  const json = { id, name, title: name, size, mode: "hosted", user: world.app.bot.id };
  world.files.set(id, {
    json: { ...json, url_private: `${world.url}/files/${id}/${encodeURIComponent(name)}` },
    bytes: null,
  });
  return { upload_url: `${world.url}/upload/v1/${id}`, file_id: id };
}

/** Shares what was uploaded; the answer does not name the message. */
export function completeUpload(call: ApiCall): Json {
  const { world, args } = call;
  const given = jsonOf(args, "files", "invalid_arguments");
  const ids = Array.isArray(given) ? given.map((each) => (isObject(each) ? String(each["id"]) : "")) : [];
  const files = ids.map((id) => world.files.get(id));
  if (files.length === 0 || files.some((file) => !file?.bytes)) {
    throw new Refusal("file_not_found");
  }
  const channel: FakeChannel = seenChannel({ ...call, args: { ...args, channel: textOf(args, "channel_id") } });
  if (!channel.members.has(world.app.bot)) {
    throw new Refusal("not_in_channel");
  }
  const thread = textOf(args, "thread_ts");
  if (thread !== "" && channel.visible(thread) === undefined) {
    throw new Refusal("thread_not_found");
  }
  const shared = files.flatMap((file) => (file ? [file.json] : []));
  const message = channel.post({
    author: world.app.bot,
    at: world.now(),
    ts: world.directory.newTs(),
    threadTs: thread === "" ? null : thread,
    text: "",
    broadcast: false,
    subtype: "file_share",
    clientMsgId: null,
    extra: { files: shared, upload: true },
    fromApp: true,
  });
  tellOfMessage(world, channel, message);
  return { files: shared };
}
