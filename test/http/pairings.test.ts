import { afterEach, expect, it } from "vitest";
import { startHttp, type TestHttp } from "./start-http.ts";

let http: TestHttp;
const asked: string[] = [];

afterEach(async () => {
  asked.length = 0;
  await http.stop();
});

async function start(): Promise<void> {
  http = await startHttp({
    approvePairing: async (code) => {
      asked.push(code);
      return code === "ABCD2345" ? { platform: "telegram", externalId: "123", name: "Ann" } : null;
    },
  });
}

const approve = (code: string) => http.call("POST", `/v1/pairings/${code}/approve`);

it("lets the stranger in whose code the operator knows", async () => {
  await start();
  const answer = await approve("ABCD2345");
  expect(answer.statusCode).toBe(200);
  expect(answer.json()).toEqual({ platform: "telegram", external_id: "123", name: "Ann" });
});

it("security-37: looks at no code after five wrong ones, not even at a right one, for a while", async () => {
  await start();
  const first = await approve("WRONG");
  expect(first.statusCode).toBe(404);
  expect(first.json()).toMatchObject({ detail: "There is no such code, or it is over." });
  for (let n = 2; n <= 5; n++) expect((await approve("WRONG")).body).toBe(first.body);
  const refused = await approve("ABCD2345");
  expect(refused.statusCode).toBe(429);
  expect(Number(refused.headers["retry-after"])).toBeGreaterThan(290);
  expect(asked).toHaveLength(5);
});

it("keeps the code out of the log, also where the rest of the address is wrong", async () => {
  await start();
  await approve("ABCD2345");
  await approve("WRONGCODE");
  await http.call("GET", "/v1/pairings/ABCD2345/approve");
  await http.call("POST", "/v1/pairings/ABCD2345/aprove");
  expect(JSON.stringify(http.lines)).toContain("/v1/pairings/:code/approve");
  expect(JSON.stringify(http.lines)).not.toMatch(/ABCD2345|WRONGCODE/);
});
