/** Why a document gave no text. */
export type DocumentFault = "unsupported" | "damaged" | "locked" | "too_large" | "too_slow";

/** `mediaType`: what it turned out to be. */
export type DocumentText = { text: string; mediaType: string } | { fault: DocumentFault };

/**
 * Reads the text out of documents that strangers send. Contract: never throws, blocks nobody else, and ends soon after
 * the abort and at a deadline of its own. Called for one document at a time.
 */
export interface DocumentReader {
  read(bytes: Uint8Array, signal: AbortSignal): Promise<DocumentText>;
}
