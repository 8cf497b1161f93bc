/** docs/operations.md, “Files”: the gateway refuses more. */
export const MAX_FILES = 20;
export const MAX_BYTES = 20_000_000;
export const MAX_PICTURE_BYTES = 10_000_000;
export const MAX_ALL_BYTES = 40_000_000;

/** What browsers show. Never SVG, which is more than a picture. */
export const PICTURE = /^image\/(png|jpeg|gif|webp)$/;
