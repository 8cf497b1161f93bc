import { expect, it } from "vitest";
import { sendFile } from "../../src/delivery/send-file.ts";
import { judgeSendFailure } from "../../src/delivery/send-failure.ts";
import { newId } from "../../src/ids.ts";
import type { OutboxPage } from "../../src/store/outbox.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";

it("tries a file again that the database did not hand over: it certainly was not posted", async () => {
  const platform = new FakePlatform({ files: true });
  const away = {
    selectFrom() {
      throw Object.assign(new Error("the database system is shutting down"), { code: "57P03" });
    },
  };
  const page = { id: newId("out"), session_id: newId("ses"), file_id: newId("fil") } as OutboxPage;
  const to = { account: platform.account, chat: "7", thread: "", replyTo: null };
  const failure: unknown = await sendFile(away as never, platform, to, page).catch((error: unknown) => error);
  expect(judgeSendFailure(failure)).toEqual({ kind: "retry" });
  expect(platform.store.sent).toEqual([]);
});
