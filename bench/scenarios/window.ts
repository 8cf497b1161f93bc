import { runStatement } from "../../test/support/postgres.ts";
import { newId, type SessionId } from "../../src/ids.ts";
import { windows } from "../../src/store/messages.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import type { Scenario } from "../scenario.ts";
import { median, percentile } from "../statistics.ts";

const WINDOW = 50;
const LONG = 100_000;
const SHORT = 1_000;

/** The replay window of a very long session, over one connection, as a run reads it. */
export const window: Scenario = {
  name: "window",
  rows: ["window-long", "window-flat"],
  async run(lab, findings) {
    const url = await lab.newDatabase();
    const database = openPostgres(url, { info() {}, warn() {}, error() {} }, 1);
    try {
      const [long, short] = [newId("ses"), newId("ses")];
      await fill(url, long, LONG);
      await fill(url, short, SHORT);
      await runStatement(url, "vacuum analyze messages");
      const read = async (session: SessionId) => {
        const startedAt = performance.now();
        const found = await windows(database.db, [session], WINDOW);
        if (found.get(session)?.messages.length !== WINDOW) throw new Error("the window is not whole");
        return performance.now() - startedAt;
      };
      const count = lab.options.quick ? 100 : 500;
      for (let warm = 0; warm < 50; warm++) await read(short);
      const took: Record<"long" | "short", number[]> = { long: [], short: [] };
      for (let turn = 0; turn < count; turn++) {
        took.short.push(await read(short));
        took.long.push(await read(long));
      }
      findings.add("ours", {
        "window-long": percentile(took.long, 95),
        "window-flat": median(took.long) / median(took.short),
      });
    } finally {
      await database.close();
      await lab.dropDatabase(url);
    }
  },
};

function fill(url: string, session: SessionId, count: number): Promise<void> {
  return runStatement(
    url,
    `insert into messages (session_id, seq, message_id, run_id, idx, role, parts, status)
     select '${session}', n, 'msg_' || n, 'run_' || n, 0, case when n % 2 = 1 then 'user' else 'assistant' end,
            jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('word ' || n || ' ', 40))), 'complete'
     from generate_series(1, ${count}) as n`,
  );
}
