// Figures of events, by the names of the `registry` image.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/observe/metrics/metrics.ts';
import { endpointOf, eventOf, fakeClock, openEvents } from '../events/some-events.ts';
import { startSink } from '../support/event-sink.ts';

test('what is kept, taken, refused and dropped is counted for each endpoint', async (t) => {
  const metrics = createMetrics({ driver: 'memory', hasRedis: false });
  const { onKeep, onAttempt, onDrop, watchPending } = metrics.events;
  const sink = await startSink(t, (_, attempt) => ({ status: attempt === 1 ? 500 : 200 }));
  const events = await openEvents(
    { endpoints: [endpointOf(sink.url)] },
    { ...fakeClock(), onKeep, onAttempt, onDrop },
  );
  watchPending(events.pending);
  await events.tell(eventOf({ tag: '1' }));
  await events.tell(eventOf({ tag: '2' }));
  await sink.receives(2);
  while (events.pending().get('sink') !== 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await events.close();
  onDrop(3, 'sink');
  const { text } = await metrics.page();
  for (const line of [
    'registry_notifications_events_total{type="Events",endpoint="sink"} 2',
    'registry_notifications_events_total{type="Successes",endpoint="sink"} 2',
    'registry_notifications_events_total{type="Failures",endpoint="sink"} 1',
    'registry_notifications_status_total{code="500 Internal Server Error",endpoint="sink"} 1',
    'registry_notifications_status_total{code="200 OK",endpoint="sink"} 2',
    'registry_notifications_pending_total{endpoint="sink"} 0',
    'berth_events_dropped_total{endpoint="sink"} 3',
  ])
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`);
});
