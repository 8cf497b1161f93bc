import type { FilePart } from "../../src/platform/incoming-update.ts";
import { FILE_ID } from "./slack-ids.ts";
import { asObject, isTrueIn, type Json, listIn, nameIn, rawTextIn, shapedIn } from "./slack-json.ts";

/** A message on Slack takes ten files. */
const MAX_FILES = 20;
/** Slack holds no bytes of these, or gives none out. */
const NOT_THERE = new Set(["external", "tombstone", "hidden_by_limit"]);

/** The files of a message. One that Slack does not have comes without a `ref`. */
export function filesIn(message: Json): FilePart[] {
  return listIn(message, "files")
    .slice(0, MAX_FILES)
    .map(asObject)
    .flatMap((file) => (file ? [toFile(file)] : []));
}

/** Whether Slack has its bytes, as a message or `files.info` says. */
export function isThere(file: Json): boolean {
  return !isTrueIn(file, "is_external") && !NOT_THERE.has(rawTextIn(file, "mode") ?? "");
}

function toFile(file: Json): FilePart {
  const ref = shapedIn(file, "id", FILE_ID);
  const mediaType = shapedIn(file, "mimetype", /^[a-z]+\/[\w.+-]{1,100}$/i)?.toLowerCase() ?? "";
  const { size } = file;
  return {
    type: "file",
    kind: kindOf(file, mediaType),
    name: nameIn(file, "name"),
    mediaType,
    size: typeof size === "number" && Number.isSafeInteger(size) && size >= 0 ? size : null,
    ...(ref !== null && isThere(file) ? { ref } : {}),
  };
}

/** What was recorded in Slack is told apart from what was only uploaded. */
function kindOf(file: Json, mediaType: string): FilePart["kind"] {
  const subtype = rawTextIn(file, "subtype");
  if (subtype === "slack_audio") return "voice";
  if (subtype === "slack_video") return "video";
  const [, kind] = /^(image|audio|video)\//.exec(mediaType) ?? [];
  return kind === undefined ? "document" : (kind as FilePart["kind"]);
}
