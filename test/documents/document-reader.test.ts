import { describe, expect, test } from "vitest";
import { createDocumentReader } from "../../adapters/documents/document-reader.ts";
import { docx, pdf, zip } from "../support/sample-documents.ts";

const reader = createDocumentReader();
const never = new AbortController().signal;
const read = (bytes: Buffer) => reader.read(bytes, never);

describe("what can be read", () => {
  test("a PDF, page by page", async () => {
    expect(await read(pdf("The first page", "The second page"))).toEqual({
      text: "The first page\n\nThe second page",
      mediaType: "application/pdf",
    });
  });

  test("a Word document with a table, tabs and entities, without what was deleted", async () => {
    const table =
      "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>a</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>b</w:t></w:r></w:p></w:tc></w:tr></w:tbl>";
    const body = `<w:p><w:r><w:t>Gr&#xF6;&#223;e &amp; &lt;x&gt;</w:t><w:tab/><w:t>2</w:t></w:r></w:p>${table}<w:p><w:del><w:delText>gone</w:delText></w:del></w:p>`;
    const bytes = zip({
      "word/document.xml": `<?xml version="1.0"?><w:document><w:body>${body}</w:body></w:document>`,
    });
    expect(await read(bytes)).toEqual({
      text: "Größe & <x>\t2\na\tb",
      mediaType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    });
  });

  test("sheets with shared strings, formulas' values and empty cells", async () => {
    const sheet =
      '<worksheet><sheetData><row><c r="A1" t="s"><v>0</v></c><c r="C1"><f>1+1</f><v>2</v></c></row>' +
      '<row><c r="A2" t="inlineStr"><is><t>in line</t></is></c></row></sheetData></worksheet>';
    const bytes = zip({
      "xl/workbook.xml": '<workbook><sheets><sheet name="Costs" sheetId="1"/></sheets></workbook>',
      "xl/sharedStrings.xml": "<sst><si><r><t>Rent</t></r><r><t> 2026</t></r></si></sst>",
      "xl/worksheets/sheet1.xml": sheet,
    });
    expect(await read(bytes)).toMatchObject({ text: "[sheet Costs]\nRent 2026\t\t2\nin line" });
  });

  test("slides in their order", async () => {
    const slide = (text: string) => `<p:sld><a:p><a:r><a:t>${text}</a:t></a:r></a:p></p:sld>`;
    const bytes = zip({
      "ppt/presentation.xml": "<p/>",
      "ppt/slides/slide10.xml": slide("last"),
      "ppt/slides/slide2.xml": slide("first"),
    });
    expect(await read(bytes)).toMatchObject({ text: "[slide 1]\nfirst\n\n[slide 2]\nlast" });
  });

  test("an OpenDocument text", async () => {
    const bytes = zip({
      mimetype: "application/vnd.oasis.opendocument.text",
      "content.xml":
        "<office:body><text:h>Title</text:h><text:p>one<text:s/>two<text:line-break/>three</text:p><style>no</style></office:body>",
    });
    expect(await read(bytes)).toEqual({
      text: "Title\none two\nthree",
      mediaType: "application/vnd.oasis.opendocument.text",
    });
  });
});

test("a table of many cells takes no longer than its length", async () => {
  const cell = "<table:table-cell><text:p>0.123</text:p></table:table-cell>";
  const row = `<table:table-row>${cell.repeat(10)}</table:table-row>`;
  const bytes = zip({
    mimetype: "application/vnd.oasis.opendocument.spreadsheet",
    "content.xml": `<table:table>${row.repeat(16_000)}</table:table>`,
  });
  const found = await createDocumentReader().read(bytes, never);
  const line = "0.123\t".repeat(10).trim();
  expect("text" in found && found.text === `${line}\n`.repeat(16_000).trim()).toBe(true);
}, 30_000);

describe("what cannot", () => {
  test.each<[string, Buffer, string]>([
    ["an archive of something else", zip({ "photo.jpg": "x" }), "unsupported"],
    ["half an archive", docx("hello").subarray(0, 60), "damaged"],
    ["a locked archive", zip({ "word/document.xml": "x" }, { locked: true }), "locked"],
    ["a PDF that is none", Buffer.from("%PDF-1.7 nothing here"), "damaged"],
  ])("%s", async (_what, bytes, fault) => {
    expect(await read(bytes)).toEqual({ fault });
  });
});

describe("security-27: what is meant to harm", () => {
  test("a zip bomb is not unpacked", async () => {
    expect(await read(zip({ "word/document.xml": Buffer.alloc(200_000_000, " ") }))).toEqual({ fault: "too_large" });
  });

  test("entities that grow are not expanded", async () => {
    const bomb = '<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b "&a;&a;">]><w:document><w:t>&b;</w:t></w:document>';
    expect(await read(zip({ "word/document.xml": bomb }))).toMatchObject({ text: '"&a;&a;">]>&b;'.slice(-3) });
  });

  test("one that takes too long is left, and its reader with it", async () => {
    const hasty = createDocumentReader({ deadlineMs: 1 });
    expect(await hasty.read(pdf("slow"), never)).toEqual({ fault: "too_slow" });
  });

  test("one that takes too much is left", async () => {
    const small = createDocumentReader({ growthBytes: -1 });
    const many = Array.from({ length: 2_000 }, (_, at) => `page ${at}`);
    expect(await small.read(pdf(...many), never)).toEqual({ fault: "too_large" });
  });

  test("an abort ends it", async () => {
    expect(await reader.read(pdf("x"), AbortSignal.abort())).toEqual({ fault: "too_slow" });
  });
});
