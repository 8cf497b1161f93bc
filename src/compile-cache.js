import { enableCompileCache } from "node:module";
import { fileURLToPath } from "node:url";

/**
 * Loaded before the program (`--import`): compiled code is kept from one start to the next, which saves a third of the
 * time and some memory. It lies with the installed packages, where only those may write whose code is run anyway; a
 * folder that cannot be written to costs the gain and nothing else. `NODE_COMPILE_CACHE` names another one. Plain
 * JavaScript, because for one file of TypeScript Node would load what strips its types (20 MB).
 */
enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/parley", import.meta.url)));
