import type { Metrics } from "../observe/metrics.ts";
import type { PlatformAdapter } from "../platform/platform-adapter.ts";
import { judgeSendFailure, type SendFailure } from "./send-failure.ts";

type Counted = Pick<Metrics, "deliveryAttempts" | "rateLimited" | "uncertainSends">;

/** The same adapter, whose calls that show something are counted. It has to be connected: its account is taken over. */
export function countSends(adapter: PlatformAdapter, metrics: Counted): PlatformAdapter {
  const { platform, account, webhook, editing, typing, marks, buttons, commandSign, files, background, feedback } =
    adapter;
  const { nativeDraft, nativeStream } = adapter;
  // What is there from the beginning can be seen to grow.
  metrics.uncertainSends.inc({ platform }, 0);
  async function counted<T>(
    method: "send" | "edit" | "remove" | "draft" | "typing" | "file",
    call: Promise<T>,
  ): Promise<T> {
    try {
      const shown = await call;
      metrics.deliveryAttempts.inc({ platform, method, result: "ok" });
      return shown;
    } catch (error) {
      const { kind } = judgeSendFailure(error);
      metrics.deliveryAttempts.inc({ platform, method, result: resultOf(kind) });
      if (kind === "blocked") metrics.rateLimited.inc({ platform });
      if (kind === "unknown" && (method === "send" || method === "file")) metrics.uncertainSends.inc({ platform });
      throw error;
    }
  }
  return {
    platform,
    account,
    ...(webhook ? { webhook } : {}),
    ...(commandSign === undefined ? {} : { commandSign }),
    connect: (signal) => adapter.connect(signal),
    start: (accept, signal, working) => adapter.start(accept, signal, working),
    render: (markdown, growing) => adapter.render(markdown, growing),
    close: () => adapter.close(),
    send: (to, page, mark) => counted("send", adapter.send(to, page, mark)),
    ...(marks ? { marks } : {}),
    ...(buttons ? { buttons } : {}),
    ...(feedback ? { feedback } : {}),
    ...(background ? { background } : {}),
    ...(nativeStream ? { nativeStream } : {}),
    ...(files ? { files: { ...files, send: (to, file, mark) => counted("file", files.send(to, file, mark)) } } : {}),
    ...(editing
      ? {
          editing: {
            budget: editing.budget,
            edit: (at, page) => counted("edit", editing.edit(at, page)),
            remove: (at) => counted("remove", editing.remove(at)),
          },
        }
      : {}),
    ...(nativeDraft
      ? { nativeDraft: { ...nativeDraft, show: (to, id, page) => counted("draft", nativeDraft.show(to, id, page)) } }
      : {}),
    ...(typing ? { typing: { ...typing, show: (to) => counted("typing", typing.show(to)) } } : {}),
  };
}

/** What is wrong with a place, or with the words, is told apart from what is wrong with the way there. */
function resultOf(kind: SendFailure["kind"]): "rate_limited" | "gone" | "failed" | "refused" | "unknown" {
  if (kind === "blocked") return "rate_limited";
  if (kind === "retry") return "failed";
  return kind === "unknown" || kind === "refused" ? kind : "gone";
}
