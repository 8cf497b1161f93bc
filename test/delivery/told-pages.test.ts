import { expect, test } from "vitest";
import { Delivery } from "../../src/delivery/delivery.ts";
import { Dispatcher } from "../../src/delivery/dispatcher.ts";
import { newId } from "../../src/ids.ts";
import { Hints } from "../../src/run/hints.ts";
import { FakePlatform } from "../fakes/fake-platform.ts";
import { HERE, reply } from "../store/arrange.ts";
import { onPostgres, silentLog } from "../support/store-engines.ts";
import { until } from "../support/test-gateway.ts";

onPostgres((store) => {
  test("whoever has a page shown hears of it, however many pages were shown by other replicas before", async () => {
    const end = new AbortController();
    const adapter = new FakePlatform();
    const started = adapter.start(async () => undefined, end.signal);
    await adapter.listening();
    const delivery = new Delivery(store.db, new Map([[adapter.account, adapter]]), silentLog);
    const dispatcher = new Dispatcher(delivery, newId("rep"), new Hints(), end.signal);
    const told: string[] = [];
    const elsewhere = Array.from({ length: 5_000 }, () => newId("out"));
    dispatcher.deliver(elsewhere, (_, kind) => told.push(kind));
    dispatcher.deliver([await reply(store.db, { ...HERE, account: adapter.account })], (_, kind) => told.push(kind));
    await until("it to be told", () => told.length > 0);
    expect(told).toEqual(["done"]);
    end.abort();
    await dispatcher.settle();
    await started;
  });
});
