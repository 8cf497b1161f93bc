import { getDocumentProxy } from "unpdf";
import type { DocumentText } from "../../src/agent/document-reader.ts";
import { MAX_TEXT } from "./office-text.ts";

const MAX_PAGES = 1_000;

/** The text of a PDF, page by page. */
export async function pdfText(bytes: Uint8Array): Promise<DocumentText> {
  try {
    const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
    let text = "";
    for (let number = 1; number <= Math.min(pdf.numPages, MAX_PAGES) && text.length < MAX_TEXT; number++) {
      const page = await pdf.getPage(number);
      const { items } = await page.getTextContent();
      const said = items.map((item) => ("str" in item ? `${item.str}${item.hasEOL ? "\n" : ""}` : "")).join("");
      text += `${said.trimEnd()}\n\n`;
      page.cleanup();
    }
    return { text: text.trim(), mediaType: "application/pdf" };
  } catch (error) {
    return { fault: error instanceof Error && error.name === "PasswordException" ? "locked" : "damaged" };
  }
}
