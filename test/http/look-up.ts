import { functionTools } from "../../src/agent/function-tools.ts";

/** A tool that finds something at once. */
export const lookUp = functionTools([
  {
    name: "look_up",
    description: "looks something up",
    schema: { type: "object" },
    readOnly: true,
    afterCrash: "repeat",
    timeoutMs: 1_000,
    run: () => "found",
  },
]);
