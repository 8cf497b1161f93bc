import chromiumBinary from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

/** A browser of the system goes first, by `CHROMIUM`; else the one that came from npm. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM"] ?? (await chromiumBinary.executablePath());
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
}
