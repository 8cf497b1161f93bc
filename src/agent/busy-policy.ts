/**
 * What becomes of a message that comes while its session's run is under way. `interrupt`: it ends the run. `steer`: it
 * joins the run at the next boundary. `queue`: it waits for its end. `parallel`: it gets a run of its own beside it.
 * `reject`: it is refused, and its author told so.
 */
export const BUSY_POLICIES = ["interrupt", "steer", "queue", "parallel", "reject"] as const;

export type BusyPolicy = (typeof BUSY_POLICIES)[number];
