import { CompiledQuery, type Kysely } from "kysely";
import type { Db, Schema } from "../../src/store/schema.ts";

/** A node of `explain (format json)`. */
export type PlanNode = Record<string, unknown>;

/** The plan that the server makes for a statement of the store, with what it really read. The statement runs twice. */
export async function planOf(db: Kysely<Schema>, run: (db: Db) => Promise<unknown>): Promise<PlanNode> {
  return (await plansOf(db, run)).at(-1)!;
}

/** The same for every statement of `run`. */
export async function plansOf(db: Kysely<Schema>, run: (db: Db) => Promise<unknown>): Promise<PlanNode[]> {
  const statements: CompiledQuery[] = [];
  const spy = db.withPlugin({
    transformQuery({ node, queryId }) {
      statements.push(db.getExecutor().compileQuery(node, queryId));
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await run(spy);
  const plans: PlanNode[] = [];
  for (const statement of statements) {
    const explain = `explain (analyze, buffers, format json) ${statement.sql}`;
    const { rows } = await db.executeQuery<{ "QUERY PLAN": [{ Plan: PlanNode }] }>(
      CompiledQuery.raw(explain, [...statement.parameters]),
    );
    plans.push(rows[0]!["QUERY PLAN"][0].Plan);
  }
  return plans;
}

export function nodes(node: PlanNode): PlanNode[] {
  return [node, ...((node["Plans"] ?? []) as PlanNode[]).flatMap(nodes)];
}

export function sortedRows(plan: PlanNode): number {
  const sorts = nodes(plan).filter((node) => String(node["Node Type"]).includes("Sort"));
  return Math.max(0, ...sorts.map((node) => Number(node["Actual Rows"])));
}

export function buffers(plan: PlanNode): number {
  return Number(plan["Shared Hit Blocks"]) + Number(plan["Shared Read Blocks"]);
}

/** Rows that all parts of a plan looked at. */
export function rowsRead(plan: PlanNode): number {
  const each = (node: PlanNode) => Number(node["Actual Rows"]) + Number(node["Rows Removed by Filter"] ?? 0);
  return nodes(plan).reduce((sum, node) => sum + each(node) * Number(node["Actual Loops"]), 0);
}
