// Events of several replicas on one store: what they owe a receiver that was away outlives the replica that wrote it.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventSink, type SunkEvent, startSink } from '../support/event-sink.ts';
import { inReverse } from '../support/processes.ts';
import { type Replicas, startReplicas } from '../support/replicas.ts';
import { startS3Store } from '../support/s3-store.ts';
import { makeImage } from '../support/sample-image.ts';
import { freePort } from '../support/service.ts';
import { bucketOf, sharedStores, whyNoS3Replicas } from '../support/shared-store.ts';
import { insistOnPush } from './patient-client.ts';

const REPOSITORIES = ['team/one', 'team/two', 'team/three'];
const TAGS_AT_A_TIME = 4;
/** The queue of a dead replica is taken over within a minute; only what hangs takes as long as this. */
const PATIENCE_MS = 180_000;

/** After this a server takes no queue for its own that it could not sign. */
const LONGER_THAN_SURE_MS = 21_000;

/** Tags that were acknowledged, by repository, in the order of their pushes. */
type Pushed = ReadonlyMap<string, string[]>;

interface Scene {
  readonly replicas: Replicas;
  readonly pushed: Pushed;
  /** Pushes further tags into each of the repositories, through the balancer. */
  push(): Promise<void>;
  /** The receiver comes up; it keeps what it takes. */
  receive(): Promise<EventSink>;
  /** Every event that a receiver took so far, whichever it was. */
  arrived(): readonly SunkEvent[];
}

// They wait for the queues of the dead most of the time.
describe('events of replicas', { concurrency: true }, () => {
  for (const store of sharedStores) {
    test(`over ${store.name} the events of a replica that is killed are told by the other one`, {
      skip: store.skip,
    }, async (t) => {
      const scene = await openScene(t, await store.open(t));
      const sink = await scene.receive();
      await scene.push();
      await everythingArrives(scene);

      await sink.stop();
      await scene.push();
      await scene.replicas.kill(0);
      await scene.push();
      await scene.receive();
      await everythingArrives(scene);
      assertInOrder(scene);
    });

    test(`over ${store.name} the events of replicas that are all killed are told by their successors`, {
      skip: store.skip,
    }, async (t) => {
      const scene = await openScene(t, await store.open(t));
      await scene.push();
      for (const replica of [0, 1]) await scene.replicas.kill(replica);
      for (const replica of [0, 1]) await scene.replicas.revive(replica);
      await scene.push();
      await scene.receive();
      await everythingArrives(scene);
      assertInOrder(scene);
    });

    test(`over ${store.name} a replica that stood still for long neither loses events nor holds others up`, {
      skip: store.skip,
    }, async (t) => {
      const scene = await openScene(t, await store.open(t));
      await scene.push();
      const goOn = await scene.replicas.standStill(0);
      const sink = await scene.receive();
      await everythingArrives(scene);
      goOn();

      await scene.push();
      await everythingArrives(scene);
      await sink.stop();
      await scene.push();
      await scene.receive();
      await everythingArrives(scene);
      assertInOrder(scene);
    });
  }

  test('a bucket that is away for longer than signs of life last costs no event', {
    skip: whyNoS3Replicas,
  }, async (t) => {
    const store = await startS3Store(inReverse(t));
    const scene = await openScene(t, await bucketOf(store));
    await scene.push();
    await store.killGateway();
    await sleep(LONGER_THAN_SURE_MS);
    await store.reviveGateway();
    await scene.push();
    await scene.receive();
    await everythingArrives(scene);
    assertInOrder(scene);
  });
});

async function openScene(t: TestContext, storage: object): Promise<Scene> {
  const port = await freePort();
  const endpoint = { name: 'sink', url: `http://127.0.0.1:${port}/`, timeout: '5s', backoff: '100ms' };
  const replicas = await startReplicas(t, {
    storage,
    configuration: { notifications: { durability: 'strict', endpoints: [endpoint] } },
  });
  const sinks: EventSink[] = [];
  const pushed = new Map<string, string[]>(REPOSITORIES.map((name) => [name, []]));
  return {
    replicas,
    pushed,
    async push() {
      await Promise.all(
        [...pushed].map(async ([repository, tags]) => {
          for (let count = 0; count < TAGS_AT_A_TIME; count += 1) {
            const tag = `v${tags.length}`;
            await insistOnPush(replicas.balanced, repository, makeImage(`${tag} of ${repository}`), tag);
            tags.push(tag);
          }
        }),
      );
    },
    async receive() {
      const sink = await startSink(t, undefined, port);
      sinks.push(sink);
      return sink;
    },
    arrived: () => sinks.flatMap((sink) => sink.events()),
  };
}

/** Resolves when every push that was acknowledged has been told. */
async function everythingArrives({ pushed, arrived, replicas }: Scene): Promise<void> {
  const missing = () => {
    const told = new Set(pushesOf(arrived()).map(({ repository, tag }) => `${repository}:${tag}`));
    const wanted = [...pushed].flatMap(([repository, tags]) => tags.map((tag) => `${repository}:${tag}`));
    return wanted.filter((one) => !told.has(one));
  };
  for (const end = performance.now() + PATIENCE_MS; missing().length > 0; await sleep(100)) {
    if (performance.now() < end) continue;
    assert.deepEqual(missing(), [], [0, 1].map((one) => replicas.service(one).output()).join('\n'));
  }
}

/** Each server tells of a repository in its order, and the times put the events of all servers in order. */
function assertInOrder({ pushed, arrived }: Scene): void {
  const pushes = pushesOf(arrived());
  assert.equal(new Set(pushes.map(({ server }) => server)).size >= 2, true, 'several servers told');
  for (const [repository, tags] of pushed) {
    const told = firstOfEach(pushes.filter((push) => push.repository === repository));
    for (const [server, own] of Map.groupBy(told, (push) => push.server)) {
      const inOrder = tags.filter((tag) => own.some((push) => push.tag === tag));
      assert.deepEqual(firstTags(own), inOrder, `${repository} of ${server}`);
    }
    const byTime = told.toSorted((left, right) => Date.parse(left.timestamp) - Date.parse(right.timestamp));
    assert.deepEqual(firstTags(byTime), tags, repository);
  }
}

interface Push {
  readonly id: string;
  readonly server: unknown;
  readonly timestamp: string;
  readonly repository: unknown;
  readonly tag: string;
}

function pushesOf(events: readonly SunkEvent[]): readonly Push[] {
  return events.flatMap(({ id, action, timestamp, target: { repository, tag }, source }) =>
    action === 'push' && typeof tag === 'string'
      ? [{ id, server: source['instanceID'], timestamp, repository, tag }]
      : [],
  );
}

/** Without what came again. */
function firstOfEach(pushes: readonly Push[]): readonly Push[] {
  const known = new Set<string>();
  return pushes.filter(({ id }) => !known.has(id) && known.add(id));
}

/** Once each: a client that was cut off pushes a tag twice. */
function firstTags(pushes: readonly Push[]): readonly string[] {
  return [...new Set(pushes.map(({ tag }) => tag))];
}
