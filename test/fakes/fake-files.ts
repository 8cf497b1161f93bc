import { GatewayError } from "../../src/errors.ts";
import type { FilePart } from "../../src/agent/message.ts";
import type { OutgoingFile, PlatformAdapter, SentMessage } from "../../src/platform/platform-adapter.ts";
import type { ReplyTarget } from "../../src/platform/reply-target.ts";

type Files = NonNullable<PlatformAdapter["files"]>;

/** The files of a chat network in memory: what people sent, by its `ref`, and what the bot sent. */
export class FakeFiles {
  /** Every `ref` that was asked for. */
  readonly asked: string[] = [];
  readonly sent: (OutgoingFile & { chat: string; thread: string })[] = [];
  readonly #contents = new Map<string, Uint8Array | AsyncIterable<Uint8Array>>();

  /** A file that somebody sends: give its part to `say`. Content that is a stream is read as it comes. */
  put(ref: string, content: Uint8Array | AsyncIterable<Uint8Array>, part: Partial<FilePart> = {}): FilePart {
    this.#contents.set(ref, content);
    const size = content instanceof Uint8Array ? content.length : null;
    return { type: "file", kind: "document", name: ref, mediaType: "", size, ref, ...part };
  }

  /** `posted`: gives a file that was sent its message. */
  ability(
    call: <T>(call: "fetch" | "send_file", chat: string, apply: () => T) => Promise<T>,
    posted: (to: ReplyTarget, file: OutgoingFile) => SentMessage,
  ): Files {
    return {
      maxFetchBytes: 20_000_000,
      maxSendBytes: 50_000_000,
      fetch: (ref) =>
        call("fetch", "", () => {
          this.asked.push(ref);
          const content = this.#contents.get(ref);
          if (!content) throw new GatewayError("not_found", "There is no such file.");
          return content instanceof Uint8Array ? inPieces(content) : content;
        }),
      send: (to, file) =>
        call("send_file", to.chat, () => {
          this.sent.push({ ...file, chat: to.chat, thread: to.thread });
          return posted(to, file);
        }),
    };
  }
}

async function* inPieces(content: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < content.length; at += 4_000) yield content.subarray(at, at + 4_000);
}
