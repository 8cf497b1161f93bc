import { readConfig } from "../src/config.ts";
import { startGateway } from "../src/main.ts";

/** The gateway with another number of slots, which is no setting: `slots-gateway.ts SLOTS`. */
const running = await startGateway(readConfig(), { slots: Number(process.argv[2]) });
process.once("SIGTERM", () => {
  running.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
});
