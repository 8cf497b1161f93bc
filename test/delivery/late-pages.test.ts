import { sql } from "kysely";
import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { Dispatcher } from "../../src/delivery/dispatcher.ts";
import { newId, type OutboxId } from "../../src/ids.ts";
import { Hints } from "../../src/run/hints.ts";
import { renewLeases } from "../../src/store/lanes.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { HERE, reply } from "../store/arrange.ts";
import { onPostgres, silentLog } from "../support/store-engines.ts";
import { until } from "../support/test-gateway.ts";

onPostgres((store) => {
  /** A replica that shows pages by this platform, and what it hears of its leases. */
  function replica(adapter: FakePlatform) {
    const me = newId("rep");
    const end = new AbortController();
    const delivery = new Delivery(store.db, new Map([[adapter.account, adapter]]), silentLog);
    const dispatcher = new Dispatcher(delivery, me, new Hints(), end.signal);
    return {
      delivery,
      dispatcher,
      /** As its loop does. */
      async renew() {
        const askedAt = performance.now();
        const asked = dispatcher.pagesInFlight();
        const { keptPages } = await renewLeases(store.db, me, [], asked);
        dispatcher.renewed(asked, keptPages, askedAt);
        delivery.confirmedAt = askedAt;
      },
      stop: async () => {
        end.abort();
        await dispatcher.settle();
      },
    };
  }

  /** As when its replica stands still for as long as that. */
  const leaseRunsOut = (page: OutboxId) =>
    sql`update outbox set lease_until = now() - interval '1 second' where id = ${page}`.execute(store.db);

  for (const marks of [true, false]) {
    test(`fault-05: a post that was not written when its replica stood still is posted by its heir alone (${marks ? "found by marks" : "no marks"})`, async () => {
      const make = () => new FakePlatform(marks ? { marks } : {});
      const [asleep, awake] = [make(), make()];
      const page = await reply(store.db, { ...HERE, account: asleep.account });
      const [zombie, heir] = [replica(asleep), replica(awake)];
      asleep.hold();
      zombie.dispatcher.deliver([page], () => undefined);
      await until("the zombie to post", () => asleep.waiting === 1);
      await leaseRunsOut(page);
      // Without marks nobody can know, so it is in doubt until the zombie says that it never posted.
      if (marks)
        await until("the heir to post", () =>
          heir.dispatcher.round().then(() => awake.messages(HERE.chat).length === 1),
        );
      else await heir.dispatcher.round();
      await zombie.renew();
      asleep.release();
      await until("the zombie to let go", () => zombie.dispatcher.pagesInFlight().length === 0);
      await until("the heir to post", () => heir.dispatcher.round().then(() => awake.messages(HERE.chat).length === 1));
      expect(asleep.everyMessage(HERE.chat)).toEqual([]);
      await Promise.all([zombie.stop(), heir.stop()]);
      const rows = await store.db.selectFrom("outbox").select(["state", "resolved"]).where("id", "=", page).execute();
      expect(rows).toEqual([{ state: "sent", resolved: null }]);
    });
  }

  test("fault-05: a post of a replica that has heard nothing of its leases for too long waits until it has", async () => {
    const adapter = new FakePlatform();
    const page = await reply(store.db, { ...HERE, account: adapter.account });
    const { delivery, dispatcher, stop } = replica(adapter);
    let hasHeard = false;
    Object.assign(delivery, { leaseHolds: () => hasHeard });
    adapter.hold();
    dispatcher.deliver([page], () => undefined);
    await until("it to post", () => adapter.waiting === 1);
    adapter.release();
    await until("it to let go", () => dispatcher.pagesInFlight().length === 0);
    expect(adapter.everyMessage(HERE.chat)).toEqual([]);
    hasHeard = true;
    await until("it to post", () => dispatcher.round().then(() => adapter.messages(HERE.chat).length === 1));
    await stop();
  });
});
