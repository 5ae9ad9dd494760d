// What is sent: the envelopes of the `registry` image, CloudEvents, and the signature of either.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import { parseEvent } from '../../src/events/event.ts';
import { messageOf } from '../../src/events/formats.ts';
import { signatureHeaders } from '../../src/events/signature.ts';
import { eventOf } from './some-events.ts';

describe('the envelope of the registry image', () => {
  for (const format of ['v1', 'v2'] as const) {
    test(`${format} has its media type and a list with one event`, () => {
      const event = eventOf();
      const { contentType, body } = messageOf(event, format);
      assert.equal(contentType, `application/vnd.docker.distribution.events.${format}+json`);
      assert.deepEqual(JSON.parse(body), { events: [event] });
    });
  }

  test('texts with line breaks, quotes and signs of other scripts stay what they are', () => {
    const event = eventOf({ name: 'a\r\nb"\u2028\u202e日', useragent: '{"x":\u0000}' });
    const { body } = messageOf(event, 'v2');
    assert.deepEqual(JSON.parse(body).events[0], event);
    assert.equal(body.includes('\r'), false);
  });
});

describe('CloudEvents', () => {
  const cloud = (options = {}) => JSON.parse(messageOf(eventOf(options), 'cloudevents').body);

  test('has the attributes that the specification requires, in their forms', () => {
    const event = eventOf();
    const { contentType, body } = messageOf(event, 'cloudevents');
    assert.equal(contentType, 'application/cloudevents+json');
    const { data, ...attributes } = JSON.parse(body);
    // CloudEvents 1.0.2, "Naming conventions" and "Context attributes".
    for (const [name, value] of Object.entries(attributes)) {
      assert.match(name, /^[a-z0-9]{1,20}$/);
      assert.ok(typeof value === 'string' && value !== '', name);
    }
    assert.equal(attributes.specversion, '1.0');
    assert.equal(attributes.id, event.id);
    assert.ok(URL.canParse(attributes.source, 'http://base/'), 'source is a URI reference');
    assert.match(attributes.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
    assert.equal(attributes.datacontenttype, 'application/json');
    assert.deepEqual(data.target, event.target);
    assert.deepEqual(data.actor, event.actor);
  });

  test('type and subject say what happened to what', () => {
    const { type, subject } = cloud();
    assert.equal(type, 'io.github.berth.manifest.push');
    assert.equal(subject, 'team/app:v1');
    assert.equal(
      cloud({ mediaType: 'application/octet-stream', action: 'pull' }).type,
      'io.github.berth.blob.pull',
    );
  });
});

test('a signature is the HMAC of time and body, and another one for each secret, time and body', () => {
  const now = new Date(1_700_000_000_900);
  const headers = signatureHeaders('s3cret', 'body', now);
  assert.equal(headers['berth-timestamp'], '1700000000');
  const expected = createHmac('sha256', 's3cret').update('1700000000.body').digest('hex');
  assert.equal(headers['berth-signature'], `sha256=${expected}`);
  const others = [
    signatureHeaders('other', 'body', now),
    signatureHeaders('s3cret', 'Body', now),
    signatureHeaders('s3cret', 'body', new Date(1_700_000_001_000)),
  ];
  for (const other of others) assert.notEqual(other['berth-signature'], headers['berth-signature']);
});

test('an event that was kept is read again, and what is no event is not', () => {
  const event = eventOf({ name: 'alice' });
  assert.deepEqual(parseEvent(JSON.stringify(event)), event);
  for (const text of ['', '{', 'null', '[]', '{"id":"x"}', JSON.stringify({ ...event, action: 'eat' })]) {
    assert.equal(parseEvent(text), undefined, text);
  }
});
