import { randomUUID } from "node:crypto";
import { Client } from "pg";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { diagnoseDatabase } from "../../src/store/diagnose-database.ts";
import { sceneOf } from "../support/e2e.ts";
import { databaseUrl, runStatement } from "../support/postgres.ts";

const id = randomUUID().slice(0, 8);
const name = `test_roles_${id}`;
const owner = `owner_${id}`;
const app = `app_${id}`;
const scene = sceneOf({ engine: "the embedded database" });

beforeAll(async () => {
  const { url } = inject("postgres");
  await runStatement(url, `create role ${owner} login`);
  await runStatement(url, `create role ${app} login`);
  await runStatement(url, `create database ${name} owner ${owner}`);
});
afterAll(async () => {
  const { url } = inject("postgres");
  await runStatement(url, `drop database ${name} with (force)`);
  await runStatement(url, `drop role ${owner}`);
  await runStatement(url, `drop role ${app}`);
});

function urlOf(role: string): string {
  const url = new URL(databaseUrl(inject("postgres").url, name));
  url.username = role;
  return url.href;
}

async function rowsOf(role: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: urlOf(role) });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

test(
  "security-42: one role brings the schema up to date, another one serves and cannot change it",
  { timeout: 60_000 },
  async () => {
    const { url } = inject("postgres");
    const env = { MIGRATE_DATABASE_URL: urlOf(owner), DATABASE_URL: urlOf(app) };

    const database = { url: urlOf(app), migrateUrl: urlOf(owner) };
    const bad = async () =>
      (await diagnoseDatabase(database)).flatMap(({ verdict, says, remedy }) =>
        verdict === "ok" ? [] : [`${says} → ${remedy}`],
      );

    // What is missing is told with what to run, before anything is served.
    await expect(scene().start({ env })).rejects.toThrow(`grant parley_gateway to ${owner};`);
    expect(await bad()).toEqual([
      expect.stringContaining("its schema is not up to date"),
      expect.stringMatching(new RegExp(`may not make the roles .* create role .*; grant parley_gateway to ${owner};`)),
    ]);
    await runStatement(url, `grant parley_gateway to ${owner}`);
    await expect(scene().start({ env })).rejects.toThrow(`run: grant parley_gateway to ${app};`);
    expect(await bad()).toEqual([
      `the role of DATABASE_URL may not serve → Let an administrator of the database run: grant parley_gateway to ${app};`,
    ]);
    await runStatement(url, `grant parley_gateway to ${app}`);
    expect(await bad()).toEqual([]);

    const running = await scene().start({ env });
    const { user, chat } = scene().person("Ann");
    await scene().converse(chat, user, "Who am I to the database?");
    const made = await scene().api(running, "POST", "/v1/sessions", {});
    const { session_id: session } = (await made.json()) as { session_id: string };
    expect((await scene().api(running, "GET", `/v1/sessions/${session}`)).status).toBe(200);

    const [who] = await rowsOf(
      app,
      `select current_user::text as role, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb,
              (select count(*)::int from pg_class where relowner = r.oid) as owns
       from pg_roles r where rolname = current_user`,
    );
    expect(who).toEqual({
      role: app,
      rolsuper: false,
      rolbypassrls: false,
      rolcreaterole: false,
      rolcreatedb: false,
      owns: 0,
    });
    const serving = await rowsOf(
      owner,
      `select distinct usename::text as role from pg_stat_activity
       where datname = current_database() and application_name = 'parley'`,
    );
    expect(serving).toEqual([{ role: app }]);
    for (const statement of [
      "create table more (id text)",
      "alter table messages add column more text",
      "alter table messages disable row level security",
      "drop table messages",
      "truncate messages",
      "create policy more on messages using (true)",
      "update kysely_migration set name = name",
      "alter role parley_request bypassrls",
    ]) {
      await expect(rowsOf(app, statement), statement).rejects.toMatchObject({ code: "42501" });
    }
    // As a call it sees nothing, because it names nobody.
    const [told] = await rowsOf(app, "select count(*)::int as n from messages");
    expect(told).toEqual({ n: 2 });
    const client = new Client({ connectionString: urlOf(app) });
    await client.connect();
    await client.query("set role parley_request");
    expect((await client.query("select current_user::text as role, count(*)::int as n from messages")).rows).toEqual([
      { role: "parley_request", n: 0 },
    ]);
    await client.end();
  },
);
