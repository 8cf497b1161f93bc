import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import path from "node:path";
import { TLSSocket } from "node:tls";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { diagnoseDatabase } from "../../src/store/diagnose-database.ts";
import { openPostgres } from "../../src/store/postgres.ts";
import { silentLog } from "../support/store-engines.ts";

const SUPPORT = path.join(import.meta.dirname, "../support");
/** Its own authority, for the name `localhost`. */
const CERTIFICATE = path.join(SUPPORT, "tls-certificate.pem");
const cert = readFileSync(CERTIFICATE);
const key = readFileSync(path.join(SUPPORT, "tls-key.pem"));

/** A server that speaks TLS as Postgres begins it, hears who wants in, and hangs up. */
let server: Server;
/** What a client sent before and after it was sure of the server. */
let heard: { plain: string; encrypted: string };
const sockets = new Set<Socket>();

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("data", (first) => {
      // SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
      if (first.readUInt32BE(4) !== 80877103) {
        heard.plain += first.toString("latin1");
        socket.destroy();
        return;
      }
      socket.write("S");
      const secure = new TLSSocket(socket, { isServer: true, cert, key });
      secure.on("error", () => undefined);
      secure.on("data", (data) => {
        heard.encrypted += data.toString("latin1");
        secure.destroy();
      });
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
beforeEach(() => {
  heard = { plain: "", encrypted: "" };
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  server.close();
  await once(server, "close");
});

async function connect(host: string, query: string): Promise<string> {
  const { port } = server.address() as AddressInfo;
  const database = openPostgres(`postgres://ann:hidden@${host}:${port}/parley?${query}`, silentLog, 1);
  try {
    await sql`select 1`.execute(database.db);
    return "answered";
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).message;
  } finally {
    await database.close();
  }
}

test("security-42: with sslmode=verify-full nothing is said to a server that proves nothing", async () => {
  expect(await connect("localhost", "sslmode=verify-full")).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
  expect(await connect("127.0.0.1", `sslmode=verify-full&sslrootcert=${CERTIFICATE}`)).toBe(
    "ERR_TLS_CERT_ALTNAME_INVALID",
  );
  expect(heard).toEqual({ plain: "", encrypted: "" });

  await connect("localhost", `sslmode=verify-full&sslrootcert=${CERTIFICATE}`);
  expect(heard.encrypted).toContain("ann");
  expect(heard.plain).toBe("");
});

test("security-42: what the other modes come to", async () => {
  for (const mode of ["prefer", "require", "verify-ca"]) {
    expect(await connect("localhost", `sslmode=${mode}`), mode).toBe("DEPTH_ZERO_SELF_SIGNED_CERT");
  }
  expect(heard).toEqual({ plain: "", encrypted: "" });
  await connect("localhost", "sslmode=no-verify");
  expect(heard.encrypted).toContain("ann");
  await connect("localhost", "");
  expect(heard.plain).toContain("ann");
});

test("the look at the settings says where a server elsewhere need not prove who it is", async () => {
  const told = async (url: string) => {
    const findings = await diagnoseDatabase({ url, migrateUrl: null });
    return findings.filter(({ says }) => says.includes("prove")).map(({ says, remedy }) => `${says} → ${remedy}`);
  };
  // Nothing listens at these: the setting alone says it.
  const elsewhere = "postgres://ann:hidden@localhost.:1/parley";
  expect(await told(elsewhere)).toEqual([
    "nothing says that localhost. has to prove who it is → Add sslmode=verify-full to DATABASE_URL, and " +
      "sslrootcert=<file> for an authority of your own.",
  ]);
  expect(await told(`${elsewhere}?sslmode=verify-full`)).toEqual([]);
  expect(await told("postgres://ann:hidden@127.0.0.1:1/parley")).toEqual([]);
});
