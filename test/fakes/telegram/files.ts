/** The fields of a Message that hold a file. */
export type FileKind =
  | "photo"
  | "document"
  | "voice"
  | "audio"
  | "video"
  | "video_note"
  | "animation"
  | "sticker"
  | "live_photo";

/** A file as a person sends it. */
export interface GivenFile {
  kind: FileKind;
  bytes?: Uint8Array;
  name?: string;
  mediaType?: string;
  /** What Telegram says of it, where the bytes are not worth making. */
  size?: number;
}

export interface FakeFile {
  readonly id: string;
  readonly kind: FileKind;
  readonly name: string;
  readonly mediaType: string;
  readonly size: number;
  readonly bytes: Uint8Array;
}

/** A picture of one dot. */
export const TINY_JPEG = Buffer.from(
  "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////wgALCAABAAEBAREA/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPxA=",
  "base64",
);

/** Client.h, MAX_DOWNLOAD_FILE_SIZE. */
export const MAX_DOWNLOAD = 20 * 1024 * 1024;

const FOLDERS: Record<FileKind, string> = {
  photo: "photos",
  document: "documents",
  voice: "voice",
  audio: "music",
  video: "videos",
  video_note: "video_notes",
  animation: "animations",
  sticker: "stickers",
  live_photo: "videos",
};

/** What a bot can fetch and what it has sent. A link to a file exists only after getFile. */
export class FakeFiles {
  readonly #byId = new Map<string, FakeFile>();
  readonly #byPath = new Map<string, FakeFile>();

  add({ kind, bytes = TINY_JPEG, name = "", mediaType = "", size }: GivenFile): FakeFile {
    const id = `${kind}-${this.#byId.size + 1}`;
    const file = { id, kind, name, mediaType, size: size ?? bytes.length, bytes };
    this.#byId.set(id, file);
    return file;
  }

  get(id: string): FakeFile | undefined {
    return this.#byId.get(id);
  }

  /** @returns the path of a new link */
  link(file: FakeFile): string {
    const ending = /\.\w+$/.exec(file.name)?.[0] ?? "";
    const path = `${FOLDERS[file.kind]}/file ${this.#byPath.size}${ending}`;
    this.#byPath.set(path, file);
    return path;
  }

  at(path: string): FakeFile | undefined {
    return this.#byPath.get(path);
  }
}

/** The fields of a message that holds the file. */
export function fileJson(file: FakeFile): Record<string, unknown> {
  const { id, kind, name, mediaType, size } = file;
  const json = { file_id: id, file_unique_id: `u-${id}`, file_size: size };
  const named = {
    ...(name === "" ? {} : { file_name: name }),
    ...(mediaType === "" ? {} : { mime_type: mediaType }),
  };
  const frame = { width: 320, height: 240 };
  switch (kind) {
    case "photo":
      return { photo: [{ ...json, ...frame }] };
    case "document":
      return { document: { ...json, ...named } };
    case "voice":
    case "audio":
      return { [kind]: { ...json, ...named, duration: 3 } };
    case "video":
      return { video: { ...json, ...named, ...frame, duration: 3 } };
    case "video_note":
      return { video_note: { ...json, length: 240, duration: 3 } };
    case "animation":
      return { animation: { ...json, ...named, ...frame, duration: 3 }, document: { ...json, ...named } };
    case "sticker":
      return {
        sticker: { ...json, type: "regular", ...frame, is_animated: false, is_video: false, emoji: "👍" },
      };
    case "live_photo":
      return {
        live_photo: { ...json, ...frame, duration: 2, mime_type: "video/mp4" },
        photo: [{ ...json, ...frame }],
      };
    default:
      return kind satisfies never;
  }
}

/** How a transcript shows it. */
export function fileWords({ kind, name }: FakeFile): string {
  if (kind === "document") return `[file: ${name}]`;
  return name === "" ? `[${kind.replace("_", " ")}]` : `[${kind.replace("_", " ")}: ${name}]`;
}
