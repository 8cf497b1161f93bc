import { ApiProblem } from "../kit/api.ts";
import { newKey } from "../kit/new-key.ts";
import { shownName } from "../kit/shown-name.ts";
import { Store } from "../kit/store.ts";
import { texts } from "../texts/texts.ts";
import { MAX_ALL_BYTES, MAX_BYTES, MAX_FILES, MAX_PICTURE_BYTES, PICTURE } from "./file-limits.ts";
import type { SentFile, WireMessage } from "./wire.ts";

/** A file beside the words that are not sent yet. */
export interface Attachment {
  key: string;
  blob: Blob;
  name: string;
  /** A blob: address of a picture that browsers show; null = none. */
  preview: string | null;
  /** How much of it is there, 0 to 1; null = it is not on its way. */
  progress: number | null;
  /** The session that has it, and what it is there. */
  sent: ({ session: string } & SentFile) | null;
  /** Why it was not taken. */
  problem: string | null;
}

/** As long as the gateway gives a whole request; the way back may take as long. */
const UPLOAD_MS = 120_000;

/** The files of one message that is being written. */
export class Attachments {
  readonly list = new Store<readonly Attachment[]>([]);
  #sending = new AbortController();

  /** Takes what it can; returns why it left out the others, "" = it took all. */
  add(files: Iterable<File>): string {
    const said = texts();
    const refused: string[] = [];
    for (const file of files) {
      const { value: list } = this.list;
      const isPicture = PICTURE.test(file.type);
      const all = list.reduce((sum, { blob }) => sum + blob.size, file.size);
      const tell = (text: string) => refused.push(text.replace("{name}", () => shownName(file.name)));
      if (file.size === 0) tell(said.emptyFile);
      else if (file.size > (isPicture ? MAX_PICTURE_BYTES : MAX_BYTES)) tell(said.fileTooLarge);
      else if (list.length >= MAX_FILES || all > MAX_ALL_BYTES) tell(said.tooManyFiles);
      else {
        this.#put({ blob: file, name: file.name || said.file, sent: null });
      }
    }
    return [...new Set(refused)].join(" ");
  }

  /** Takes those that the session has; returns why it left out some, "" = it took all. */
  async bringBack(session: string, files: readonly SentFile[]): Promise<string> {
    const lost: string[] = [];
    for (const sent of files) {
      const { name } = sent;
      const blob = await readFile(session, sent.file).catch(() => null);
      if (blob === null) lost.push(texts().fileLost.replace("{name}", () => shownName(name)));
      else this.#put({ blob, name, sent: { session, ...sent } });
    }
    return lost.join(" ");
  }

  remove(key: string): void {
    this.#drop((each) => each.key === key);
  }

  clear(): void {
    this.#drop(() => true);
  }

  /** What is on its way stops. */
  abort(): void {
    this.#sending.abort();
  }

  /** Brings all of them into the session, one after the other; null = not all are there, and each says why. */
  async upload(session: string): Promise<SentFile[] | null> {
    this.#sending = new AbortController();
    const { signal } = this.#sending;
    for (const { key, blob, name, sent } of this.list.value) {
      if (sent?.session === session) continue;
      this.#change(key, { progress: 0, problem: null, sent: null });
      try {
        const file = await uploadFile(
          session,
          { blob, name },
          { signal, tell: (progress) => this.#change(key, { progress }) },
        );
        this.#change(key, { progress: null, sent: { session, ...file } });
      } catch (error) {
        const why = error instanceof ApiProblem && error.message !== "" ? error.message : texts().noAnswer;
        this.#change(key, { progress: null, problem: signal.aborted ? null : why });
        if (!(error instanceof ApiProblem) && !signal.aborted) throw error;
        return null;
      }
    }
    return this.list.value.flatMap(({ sent }) => sent ?? []);
  }

  #put(file: Pick<Attachment, "blob" | "name" | "sent">): void {
    const preview = PICTURE.test(file.blob.type) ? URL.createObjectURL(file.blob) : null;
    this.list.set([...this.list.value, { ...file, key: newKey(), preview, progress: null, problem: null }]);
  }

  #change(key: string, change: Partial<Attachment>): void {
    this.list.set(this.list.value.map((each) => (each.key === key ? { ...each, ...change } : each)));
  }

  #drop(which: (each: Attachment) => boolean): void {
    for (const { preview } of this.list.value.filter(which)) if (preview !== null) URL.revokeObjectURL(preview);
    this.list.set(this.list.value.filter((each) => !which(each)));
  }
}

const kept = new Map<string, Attachments>();

/** Those of a talk, for as long as the page is open. */
export function attachmentsOf(talk: string): Attachments {
  const found = kept.get(talk) ?? new Attachments();
  kept.set(talk, found);
  return found;
}

// The browser asks: unlike words, they would not be there after a reload.
addEventListener("beforeunload", (event) => {
  if ([...kept.values()].some(({ list }) => list.value.length > 0)) event.preventDefault();
});

/** Of whoever is gone, for nobody else. */
export function forgetAttachments(): void {
  for (const attachments of kept.values()) attachments.clear();
}

export function filesOf(messages: readonly WireMessage[]): SentFile[] {
  return messages.flatMap(({ parts }) =>
    parts.flatMap(({ type, file, name = "", size, media_type }) =>
      type === "file" && file !== undefined ? [{ file, name, size, media_type }] : [],
    ),
  );
}

/** Files of messages in one session, for another one. `lost`: the names of those that are gone. */
export async function copyFiles(
  from: string,
  to: string,
  files: readonly SentFile[],
): Promise<{ files: SentFile[]; lost: string[] }> {
  const copies: SentFile[] = [];
  const lost: string[] = [];
  for (const { file, name } of files) {
    const blob = await readFile(from, file);
    if (blob === null) lost.push(name);
    else copies.push(await uploadFile(to, { blob, name }));
  }
  return { files: copies, lost };
}

/** Null = it is gone. */
async function readFile(session: string, file: string): Promise<Blob | null> {
  const read = await fetch(`/v1/sessions/${encodeURIComponent(session)}/files/${encodeURIComponent(file)}`, {
    signal: AbortSignal.timeout(UPLOAD_MS),
  });
  if (read.status === 404) return null;
  if (!read.ok) throw new ApiProblem(read.status, "internal", "");
  return read.blob();
}

/** `fetch` does not tell how far it is. Throws `ApiProblem`. */
function uploadFile(
  session: string,
  { blob, name }: { blob: Blob; name: string },
  { signal, tell }: { signal?: AbortSignal; tell?: (progress: number) => void } = {},
): Promise<SentFile> {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    const query = new URLSearchParams({ name: name.slice(-200) });
    call.open("POST", `/v1/sessions/${encodeURIComponent(session)}/files?${query}`);
    call.setRequestHeader("content-type", "application/octet-stream");
    call.responseType = "json";
    call.timeout = UPLOAD_MS;
    call.upload.addEventListener("progress", ({ loaded, total }) => tell?.(total === 0 ? 0 : loaded / total));
    call.addEventListener("load", () => {
      const answer = (call.response ?? {}) as Partial<SentFile & { code: string; detail: string }>;
      const { file, size, media_type } = answer;
      if (call.status === 201 && file !== undefined) resolve({ file, name, size, media_type });
      else reject(new ApiProblem(call.status, answer.code ?? "internal", answer.detail ?? ""));
    });
    for (const type of ["error", "timeout", "abort"] as const) {
      call.addEventListener(type, () => reject(new ApiProblem(0, "unreachable", "")));
    }
    signal?.addEventListener("abort", () => call.abort(), { once: true });
    call.send(blob);
  });
}
