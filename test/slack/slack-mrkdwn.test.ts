import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { slashCommandIn } from "../../adapters/slack/slack-content.ts";
import { decodeMrkdwn, isMention, leadingMention } from "../../adapters/slack/slack-mrkdwn.ts";
import { BOT } from "./slack-fixtures.ts";

const bot = { ...BOT, person: (id: string) => (id === "U5" ? { name: "Eve", outsider: false } : undefined) };

describe("a message's text as a person reads it", () => {
  test.each([
    ["a &amp; b &lt;c&gt; d", "a & b <c> d"],
    ["&amp;lt;b&amp;gt;", "&lt;b&gt;"],
    ["&amp;amp;", "&amp;"],
    ["&quot; &#60;", "&quot; &#60;"],
    ["<@U1|ann> and <@U1> and <@U5> and <@W9>", "@ann and @U1 and @Eve and @W9"],
    ["<@U0BOT> and <@U0BOT|p>", "@Parley and @p"],
    ["<#C1|general> <#C1> <#C1|>", "#general #C1 #C1"],
    ["<!here> <!channel|channel> <!everyone>", "@here @channel @everyone"],
    ["<!subteam^S1|@ops> <!subteam^S1>", "@ops @S1"],
    ["<!date^1392734382^{date}|18 February>", "18 February"],
    ["<https://e.example/a?b=1&amp;c=2>", "https://e.example/a?b=1&c=2"],
    ["<https://e.example|the docs>", "the docs (https://e.example)"],
    ["<https://e.example|e.example> <http://e.example|e.example>", "e.example e.example"],
    ["<mailto:ann@e.example|ann@e.example> <tel:+12|call>", "ann@e.example call (+12)"],
    ["*bold* _it_ `code`", "*bold* _it_ `code`"],
    ["a < b", "a < b"],
    ["<>", ""],
    ["1 &lt; 2 <@U1", "1 < 2 <@U1"],
  ])("%s", (text, plain) => {
    expect(decodeMrkdwn(text, bot)).toBe(plain);
  });

  test("what is escaped once comes back", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "&", "<", ">", "amp;", "lt;", "@U1", "|", "\n") }), (text) => {
        const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
        expect(decodeMrkdwn(escaped, bot)).toBe(text);
      }),
    );
  });

  test("an escaped mention is none", () => {
    expect(isMention("&lt;@U0BOT&gt;", bot)).toBe(false);
    expect(isMention("a <@U0BOT|p> b", bot)).toBe(true);
    expect(isMention("<@U0BOTX> <@XU0BOT>", bot)).toBe(false);
  });

  test("only the mention at the beginning is taken away", () => {
    expect(leadingMention(" <@U0BOT>, hi", bot)).toBe(" <@U0BOT>,".length);
    expect(leadingMention("<@U0BOT|parley>: hi", bot)).toBe("<@U0BOT|parley>:".length);
    expect(leadingMention("hi <@U0BOT>", bot)).toBe(0);
    expect(leadingMention("<@U1> <@U0BOT>", bot)).toBe(0);
  });
});

test("whatever stands behind the slash command is a word and the rest", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      const { command, args } = slashCommandIn(text, bot);
      expect(command).toMatch(/^\S{1,64}$/);
      expect(command + args).not.toContain("\0");
      expect((command + args).isWellFormed()).toBe(true);
    }),
    { numRuns: 50 },
  );
});
