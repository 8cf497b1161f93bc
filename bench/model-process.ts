import { type FakeModel, startFakeModel } from "../test/fakes/model-server.ts";
import { contentText } from "../test/fakes/model/script.ts";
import type { JournalEntry } from "../test/fakes/model/journal.ts";
import { answerFor } from "./answer-text.ts";
import type { Answered, ModelEntry, ModelOrder, ModelPace } from "./model-messages.ts";

/** The model of the bench, in a process of its own, so that thousands of chunks a second delay nobody's clock. */
let pace: ModelPace = { chars: 400, chunkChars: 4, ttftMs: 0, chunkEveryMs: 0 };

const model = await startFakeModel();
model.script((request) => ({
  text: answerFor(questionOf(request), pace.chars),
  chunkChars: pace.chunkChars,
  ttftMs: pace.ttftMs,
  chunkEveryMs: pace.chunkEveryMs,
}));
process.on("message", (order: ModelOrder) => void obey(order, model));
process.on("disconnect", () => process.exit(0));
process.send?.({ url: model.url });

async function obey(order: ModelOrder, fake: FakeModel): Promise<void> {
  const answer: Answered = { id: order.id };
  switch (order.do) {
    case "pace":
      pace = order.pace;
      break;
    case "journal":
      answer.journal = fake.requests.map(toEntry);
      break;
    case "forget":
      fake.forget();
      break;
    case "wait-first-chunk":
      await fake.until(
        () => fake.requests.some((it) => it.firstChunkAt !== null && questionOf(it) === order.question),
        30_000,
      );
      break;
    default:
      order satisfies never;
  }
  process.send?.(answer);
}

function questionOf({ messages }: JournalEntry): string {
  return contentText(messages.findLast(({ role }) => role === "user"));
}

function toEntry(request: JournalEntry): ModelEntry {
  const { model: name, at, firstChunkAt, lastChunkAt, closedAt, closedBy } = request;
  return { question: questionOf(request), model: name, at, firstChunkAt, lastChunkAt, closedAt, closedBy };
}
