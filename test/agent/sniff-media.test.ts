import { expect, test } from "vitest";
import { decodeText } from "../../src/agent/decode-text.ts";
import { sniffMedia } from "../../src/agent/sniff-media.ts";
import { docx, pdf } from "../support/sample-documents.ts";

const bytes = (latin1: string) => Buffer.from(latin1, "latin1");

test.each<[string, Buffer, string, string]>([
  ["png", bytes("\x89PNG\r\n\x1a\n…"), "image/png", "image"],
  ["jpeg", bytes("\xff\xd8\xff\xe0"), "image/jpeg", "image"],
  ["gif", bytes("GIF89a"), "image/gif", "image"],
  ["webp", bytes("RIFF....WEBPVP8 "), "image/webp", "image"],
  ["wav", bytes("RIFF....WAVEfmt "), "audio/wav", "audio"],
  ["ogg", bytes("OggS\0"), "audio/ogg", "audio"],
  ["mp3 without a tag", bytes("\xff\xfb\x90\x44"), "audio/mpeg", "audio"],
  ["m4a", bytes("\0\0\0\x20ftypM4A "), "audio/mp4", "audio"],
  ["heic", bytes("\0\0\0\x20ftypheic"), "image/heic", "nothing"],
  ["film", bytes("\0\0\0\x20ftypisom"), "video/mp4", "nothing"],
  ["pdf", pdf("x"), "application/pdf", "document"],
  ["docx", docx("x"), "application/zip", "document"],
  ["old doc", bytes("\xd0\xcf\x11\xe0\xa1\xb1"), "application/x-ole-storage", "nothing"],
  ["program", bytes("\x7fELF\x02\x01\0\0"), "application/octet-stream", "nothing"],
  ["svg", bytes("<svg xmlns='x'><script/></svg>"), "text/plain", "text"],
  ["html", bytes("<!doctype html><script>"), "text/plain", "text"],
  ["utf-8", Buffer.from("größer 😀\n"), "text/plain", "text"],
  ["utf-16", Buffer.from("\ufeffgr", "utf16le"), "text/plain", "text"],
  ["nothing at all", bytes(""), "text/plain", "text"],
])("%s", (_name, head, mediaType, reads) => {
  expect(sniffMedia(head, { kind: "document" })).toEqual({ mediaType, reads });
});

test("a film's container holds sound alone where its sender says so", () => {
  const film = bytes("\0\0\0\x20ftypisom");
  expect(sniffMedia(film, { kind: "voice" })).toEqual({ mediaType: "audio/mp4", reads: "audio" });
  expect(sniffMedia(bytes("\x89PNG\r\n\x1a\n"), { kind: "voice" }).reads).toBe("image");
});

test.each([
  ["UTF-8 with its mark", Buffer.from("\ufeffgrößer")],
  ["UTF-8", Buffer.from("größer")],
  ["UTF-16, small end first", Buffer.from("\ufeffgrößer", "utf16le")],
  ["UTF-16, big end first", Buffer.from("\ufeffgrößer", "utf16le").swap16()],
  ["Latin-1", Buffer.from("größer", "latin1")],
])("text in %s is read", (_encoding, text) => {
  expect(decodeText(text)).toBe("größer");
});
