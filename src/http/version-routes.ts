import { readFileSync } from "node:fs";
import { Type } from "typebox";
import type { Api } from "./api.ts";

/** The API's version, apart from the program's: another first number is another API. */
export const API_VERSION = "1.0.0";
/** Of the clients in `packages`; older ones would be misunderstood. */
const MIN_CLIENT = "1.0.0";

const { version: VERSION } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** What a client asks before it begins. Needs no key, so that a wrong version is told from a wrong key. */
export function versionRoutes(app: Api): void {
  app.route({
    method: "GET",
    url: "/v1/version",
    schema: {
      summary: "Which API this is, and which clients it still understands",
      response: {
        200: Type.Object({
          service: Type.String(),
          version: Type.String({ description: "The program's" }),
          api: Type.String(),
          min_client: Type.String({ description: "The oldest client that is understood" }),
        }),
      },
    },
    handler: async () => ({ service: "parley", version: VERSION, api: API_VERSION, min_client: MIN_CLIENT }),
  });
}
