import { afterEach, expect, test } from "vitest";
import { createOpenAITranscriber } from "../../adapters/openai/openai-transcriber.ts";
import { type FakeModel, type FakeModelOptions, startFakeModel } from "../fakes/model-server.ts";
import { API_KEY } from "./openai-subject.ts";

const AUDIO = { bytes: Buffer.from("OggS and so on"), mediaType: "audio/ogg" };
const never = new AbortController().signal;
let server: FakeModel;

afterEach(() => server.close());

async function start(options: FakeModelOptions, deadlineMs?: number) {
  server = await startFakeModel(options);
  const given = { apiKey: API_KEY, baseUrl: server.url, model: "whisper-1" };
  return createOpenAITranscriber({ ...given, ...(deadlineMs === undefined ? {} : { deadlineMs }) });
}

test("a recording goes out under a name of ours, and comes back as text", async () => {
  const transcriber = await start({ apiKey: API_KEY, hears: "Buy milk." });
  expect(await transcriber.transcribe(AUDIO, never)).toBe("Buy milk.");
  expect(server.recordings).toEqual([{ name: "audio.ogg", type: "audio/ogg", bytes: AUDIO.bytes, model: "whisper-1" }]);
  await transcriber.close();
});

test.each<[string, FakeModelOptions]>([
  ["a key that is not taken", { apiKey: "another" }],
  ["a server in trouble", { hears: { status: 503 } }],
])("%s is told without the key", async (_what, options) => {
  const transcriber = await start(options);
  const failure = await transcriber.transcribe(AUDIO, never).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "unavailable" });
  expect(String((failure as Error).cause)).not.toContain(API_KEY);
  await transcriber.close();
});

test.each(["Buy milk.", '{"text":["Buy milk."]}', "null"])(
  "of an answer that is none, %j, no word is told",
  async (body) => {
    const transcriber = await start({ hears: { status: 200, body } });
    const failure = await transcriber.transcribe(AUDIO, never).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "unavailable" });
    expect(String((failure as Error).cause)).toMatch(/an answer (without text|that is no JSON)/);
    await transcriber.close();
  },
);

test("an abort ends it", async () => {
  const transcriber = await start({ hears: "late" });
  await expect(transcriber.transcribe(AUDIO, AbortSignal.abort())).rejects.toMatchObject({ code: "unavailable" });
  await transcriber.close();
});
