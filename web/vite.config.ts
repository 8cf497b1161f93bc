import { defineConfig } from "vite";

/** Where the gateway looks for the page. Chunks carry a hash of what is in them, so browsers may keep them for ever. */
export default defineConfig({
  root: import.meta.dirname,
  publicDir: false,
  build: {
    outDir: "../dist/web",
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  // For `npx vite web` beside a running gateway.
  server: { proxy: { "/v1": "http://127.0.0.1:3000" } },
});
