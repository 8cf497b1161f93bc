import { createServer } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Scene } from "../support/e2e.ts";

let scene: Scene;

beforeEach(async () => {
  scene = await Scene.open({ engine: "the embedded database" });
});

afterEach(() => scene.close());

test(
  "a gateway that cannot listen leaves nothing open: no loop goes on, and the next one gets the data directory",
  { timeout: 60_000 },
  async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    await expect(scene.start({ env: { PORT: String(address.port) } })).rejects.toMatchObject({ code: "EADDRINUSE" });
    server.close();

    await scene.start();
    const { chat, user } = scene.person("Ann");
    await scene.converse(chat, user, "hello");
    expect(scene.telegram.botMessages(chat)).toHaveLength(1);
    expect(scene.log.filter((line) => line.includes("a loop failed"))).toEqual([]);
  },
);
