import { expect, test } from "vitest";
import { readCard } from "../../src/agent/read-card.ts";

const read = (yaml: string) => readCard("mail.yaml", `instruction: Hi.\n${yaml}`, () => null);

test("servers of a card's own keep what they name as it is written, so that no card holds a secret", () => {
  const { card, warnings } = read(`
mcp_connect:
  mail: { target: "https://mail.test/mcp", headers: { X-Key: "\${MAIL_KEY}" }, access_token: "\${MAIL_TOKEN}" }
tools: { mail: ["read_*"] }
`);
  expect(card.connects).toEqual([
    { name: "mail", url: "https://mail.test/mcp", headers: { "X-Key": "${MAIL_KEY}" }, accessToken: "${MAIL_TOKEN}" },
  ]);
  expect(card.toolFilters).toEqual({ mail: ["read_*"] });
  expect(warnings).toEqual([]);
});

test("a process is not started for a card, and a name stands for one server", () => {
  const { card, warnings } = read("mcp_connect: [{ name: files, target: npx files-server }]");
  expect(card.connects).toBeUndefined();
  expect(warnings).toEqual([
    "mail.yaml: mcp_connect: files would be started as a process on this machine, which a card may not ask for; " +
      "write it into MCP_CONFIG and name it in servers",
  ]);
  expect(() => read('servers: [mail]\nmcp_connect: { mail: { target: "https://mail.test" } }')).toThrow(
    'mail.yaml: mcp_connect: "mail" is also among the servers; rename it',
  );
});

test("a login that is not done is told, and the server is asked without it", () => {
  const { card, warnings } = read('mcp_connect: [{ name: mail, target: "https://mail.test", auth: { oauth: true } }]');
  expect(card.connects).toEqual([{ name: "mail", url: "https://mail.test" }]);
  expect(warnings).toEqual(["mail.yaml: mcp_connect: mail.auth is not done here; give headers or an access_token"]);
});
