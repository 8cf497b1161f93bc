import { parentPort, workerData } from "node:worker_threads";
import { officeText } from "./office-text.ts";

/** Reads the one document it was started for, and ends. */
const bytes = workerData as Uint8Array;
const isPdf = Buffer.from(bytes.subarray(0, 5)).toString("latin1") === "%PDF-";
parentPort?.postMessage(isPdf ? await (await import("./pdf-text.ts")).pdfText(bytes) : officeText(bytes));
