import { expect, test } from "vitest";
import { MAX_FILE_BYTES, MAX_IMAGE_BYTES, MAX_TURN_BYTES } from "../../src/run/fetch-file.ts";
import { MAX_FILES } from "../../src/run/prepare-turn.ts";
import * as page from "../../web/chat/file-limits.ts";

test("the page takes files up to the limits of the gateway, and no further", () => {
  expect(page).toMatchObject({
    MAX_FILES,
    MAX_BYTES: MAX_FILE_BYTES,
    MAX_PICTURE_BYTES: MAX_IMAGE_BYTES,
    MAX_ALL_BYTES: MAX_TURN_BYTES,
  });
});
