/** Builds the page after an install that has what it takes, and does nothing after one for production. */
const vite = await import("vite").catch(() => null);
await vite?.build({ root: import.meta.dirname });
