import { randomUUID } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { expect, inject, it } from "vitest";
import { runMigrations } from "../../src/cli/run-migrations.ts";
import { createTestDatabase, databaseUrl, runStatement } from "../support/postgres.ts";

const MIGRATIONS = path.join(import.meta.dirname, "../../migrations");

it("applies what is pending, as the role that may, and lists it; then there is nothing to do", async () => {
  const { url } = inject("postgres");
  const name = `test_${randomUUID().replaceAll("-", "")}`;
  await runStatement(url, `create database ${name}`);
  try {
    const serving = new URL(databaseUrl(url, name));
    serving.username = "nobody_of_that_name";
    const env = { DATABASE_URL: serving.href, MIGRATE_DATABASE_URL: databaseUrl(url, name), PORT: "no port" };
    const files = (await readdir(MIGRATIONS)).toSorted();
    const lines = files.map((file) => `applied ${path.basename(file, ".ts")}\n`);
    expect(await runMigrations(env)).toBe(`${lines.join("")}The database is up to date.\n`);
    expect(await runMigrations(env)).toBe("The database is up to date: nothing was to be applied.\n");
  } finally {
    await runStatement(url, `drop database ${name} with (force)`);
  }
});

it("leaves nothing to do to a role that only serves, so that a gateway may start as such a one", async () => {
  const { url: admin } = inject("postgres");
  const database = await createTestDatabase();
  const role = `serving_${randomUUID().slice(0, 8)}`;
  await runStatement(admin, `create role ${role} login`);
  try {
    await runStatement(admin, `grant parley_gateway to ${role}`);
    const serving = new URL(database.url);
    serving.username = role;
    expect(await runMigrations({ DATABASE_URL: serving.href })).toContain("nothing was to be applied");
  } finally {
    await database.drop();
    await runStatement(admin, `drop role ${role}`);
  }
});

it("says to a role that may not what is to be set", async () => {
  const { url: admin } = inject("postgres");
  const name = randomUUID().replaceAll("-", "");
  await runStatement(admin, `create database test_${name}`);
  await runStatement(admin, `create role serving_${name} login`);
  try {
    const serving = new URL(databaseUrl(admin, `test_${name}`));
    serving.username = `serving_${name}`;
    const refused = /up to date[.] permission denied .* [(]set MIGRATE_DATABASE_URL to a role that may change/;
    await expect(runMigrations({ DATABASE_URL: serving.href })).rejects.toThrow(refused);
  } finally {
    await runStatement(admin, `drop database test_${name} with (force)`);
    await runStatement(admin, `drop role serving_${name}`);
  }
});

it("leaves the embedded database to the start, and says so", async () => {
  expect(await runMigrations({ DATA_DIR: "/there" })).toBe(
    'The database is the embedded one in /there: "npm start" brings it up to date. For a Postgres set DATABASE_URL.\n',
  );
});

it("says what to do about an address that is none or that nobody answers at", async () => {
  await expect(runMigrations({ DATABASE_URL: "mysql://x" })).rejects.toThrow("is not the URL of a Postgres");
  const error = await runMigrations({ DATABASE_URL: "postgres://u:secret@127.0.0.1:1/x" }).catch((thrown) => thrown);
  expect(error).toMatchObject({
    code: "unavailable",
    message: 'The database cannot be reached: "npm run parley -- doctor" says why.',
  });
});
