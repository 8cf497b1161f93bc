import { sql } from "kysely";
import { expect, test } from "vitest";
import { textOf } from "../../src/agent/message.ts";
import type { ModelRequest } from "../../src/agent/model-client.ts";
import { callTool, type Hold, hold, scriptedModel } from "../fakes/scripted-model.ts";
import { scriptedTools } from "../fakes/scripted-tools.ts";
import { chances } from "../support/chaos/random.ts";
import { storedFaults, type StoredRow } from "../support/provider-rules.ts";
import { storeEngines } from "../support/store-engines.ts";
import { startTestGateway, until } from "../support/test-gateway.ts";

const SEED = 20_261_128;
const NAMES = ["one", "two", "three", "four"];

storeEngines((store) => {
  test(
    "four runs side by side, some of which lose their replica, end in any order: each block is whole, in the order of the ends",
    { timeout: 120_000 },
    async () => {
      const random = chances(SEED);
      const gates = new Map(NAMES.map((name): [string, Hold] => [name, hold()]));
      const asked = ({ messages }: ModelRequest) =>
        NAMES.find((name) => messages.some((message) => message.role === "user" && textOf(message) === name))!;
      const own = (request: ModelRequest) => ({
        ...request,
        messages: request.messages.slice(request.messages.findLastIndex(({ role }) => role === "user")),
      });
      const step = (request: ModelRequest) => {
        const turn = own(request);
        const name = asked(turn);
        const first = turn.messages.length === 1;
        return first ? [`${name}: let me see.`, callTool("look", { name })] : [`${name}: `, gates.get(name)!, "done."];
      };
      const model = scriptedModel(...Array.from({ length: 40 }, () => step));
      const kind = store.engine === "Postgres" ? ("postgres" as const) : ("embedded" as const);
      const database = { kind, db: store.db, close: async () => undefined };
      const tools = scriptedTools({ look: { readOnly: false, answer: (args) => args } });
      const { gateway } = await startTestGateway({ url: "", database, model, tools, onBusy: "parallel" });
      const user = await gateway.service.actFor("ann");
      const { id: session } = await gateway.service.createTalkSession(user);
      for (const name of NAMES) {
        await gateway.service.addMessage(user, session, { text: name });
        await gates.get(name)!.reached;
      }
      const merged = () => store.db.selectFrom("messages").selectAll().orderBy("seq").execute();
      const ends = NAMES.toSorted(() => random.next(1) - 0.5);
      for (const [count, name] of ends.entries()) {
        if (count % 2 === 0) {
          const before = model.requests.length;
          await sql`update lanes set owner = null, lease_until = null, ready_at = now() where lane = (
          select lane from runs where state = 'running' order by lane limit 1)`.execute(store.db);
          await until("the take-over", () => model.requests.length > before);
        }
        gates.get(name)!.release();
        await until(`${name} to end`, async () => (await merged()).length === 4 * (count + 1));
      }
      await gateway.stop(0);
      const rows = await merged();
      expect(storedFaults(rows as unknown as StoredRow[])).toEqual([]);
      expect(rows.map(({ role, parts }) => `${role} ${textOf({ parts })}`)).toEqual(
        ends.flatMap((name) => [`user ${name}`, `assistant ${name}: let me see.`, "tool ", `assistant ${name}: done.`]),
      );
      expect(tools.calls, "a finished call is not made again").toHaveLength(4);
    },
  );
});
