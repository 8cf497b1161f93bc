/** Turns speech into text. */
export interface Transcriber {
  /** Bytes of one recording. */
  maxBytes: number;
  /** Rejects with a `GatewayError`; "" = nothing was said. Does not retry; ends soon after the abort. */
  transcribe(audio: { bytes: Uint8Array; mediaType: string }, signal: AbortSignal): Promise<string>;
}
