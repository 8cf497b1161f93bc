import { expect, it } from "vitest";
import { planPages, renderGrowing } from "../../src/delivery/page-plan.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";

const REST = "… The rest is in a file.";
const words = (count: number) => Array.from({ length: count }, (_, at) => `word${at}`).join(" ");

it("leaves what fits on five pages as it is", () => {
  const platform = new FakePlatform({ files: true, textLimit: 100 });
  const text = "x".repeat(500);
  expect(planPages(platform, text, REST)).toEqual({ pages: platform.render(text), whole: null });
});

it("shows five pages of more and says where the rest is", () => {
  const platform = new FakePlatform({ files: true, textLimit: 100 });
  const { pages, whole } = planPages(platform, words(200), REST);
  expect(pages).toHaveLength(5);
  expect(pages.slice(0, 4)).toEqual(platform.render(words(200)).slice(0, 4));
  expect(pages[4]?.text).toMatch(/ word\d+\n\n… The rest is in a file\.$/);
  expect(whole).toBe(words(200));
});

it("shows every page where no file can be sent", () => {
  const platform = new FakePlatform({ textLimit: 100 });
  expect(planPages(platform, words(200), REST)).toEqual({ pages: platform.render(words(200)), whole: null });
});

it("keeps the line out of a block of code that is cut", () => {
  const platform = new FakePlatform({ files: true, textLimit: 1_000 });
  const { pages } = planPages(platform, `\`\`\`js\n${"call();\n".repeat(2_000)}\`\`\``, REST);
  expect(pages.at(-1)?.text).toMatch(/call\(\);\n```\n\n… The rest is in a file\.$/);
});

it("keeps its pages while the answer grows", () => {
  const platform = new FakePlatform({ files: true, textLimit: 100 });
  const { pages } = planPages(platform, words(150), REST);
  for (const count of [151, 400, 60_000]) expect(planPages(platform, words(count), REST).pages).toEqual(pages);
});

it("renders no more of a growing answer once its pages are full", () => {
  const platform = new FakePlatform({ files: true, textLimit: 100 });
  const rendered: number[] = [];
  const plain = platform.render.bind(platform);
  Object.assign(platform, { render: (markdown: string) => (rendered.push(markdown.length), plain(markdown)) });
  const render = renderGrowing(platform, REST);
  const pages = render(words(150));
  rendered.length = 0;
  for (const count of [151, 400, 60_000]) expect(render(words(count))).toEqual(pages);
  expect(rendered).toEqual([]);
  expect(render("Something else.")).toEqual(plain("Something else."));
  expect(render(words(10))).toEqual(plain(words(10)));
});
