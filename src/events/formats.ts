// The forms in which an event is sent. Each request carries one event, as with the `registry` image: a receiver that answers with
// an error has then taken nothing of it.
import type { RegistryEvent } from './event.ts';

/** `v2` and `v1`: the envelopes of versions 3 and 2 of the `registry` image. `cloudevents`: CloudEvents 1.0, structured. */
export const FORMATS = ['v2', 'v1', 'cloudevents'] as const;
export type EventFormat = (typeof FORMATS)[number];

export interface Message {
  readonly contentType: string;
  readonly body: string;
}

export function messageOf(event: RegistryEvent, format: EventFormat): Message {
  if (format === 'cloudevents') {
    return { contentType: 'application/cloudevents+json', body: JSON.stringify(cloudEventOf(event)) };
  }
  return {
    contentType: `application/vnd.docker.distribution.events.${format}+json`,
    body: JSON.stringify({ events: [format === 'v1' ? withoutPlatforms(event) : event] }, undefined, 3),
  };
}

/** Version 2 of the image tells what an index lists, and not for which platforms. */
function withoutPlatforms(event: RegistryEvent): RegistryEvent {
  const references = event.target.references?.map(({ platform, ...reference }) => reference);
  return references === undefined ? event : { ...event, target: { ...event.target, references } };
}

/**
 * CloudEvents 1.0.2, sections 3.1 and 3.2 of its JSON format. `source` and `id` together are the same however often the event is
 * sent; the data is the event as the `registry` image has it, less what the attributes say.
 */
function cloudEventOf({ id, timestamp, action, target, request, actor, source }: RegistryEvent): object {
  return {
    specversion: '1.0',
    id,
    source: `/registry/${encodeURIComponent(source.addr)}`,
    type: `io.github.berth.${kindOf(target.mediaType, target.tag)}.${action}`,
    subject: subjectOf(target),
    time: timestamp,
    datacontenttype: 'application/json',
    data: { action, target, request, actor, source },
  };
}

/** What is deleted says no media type: a tag by its name, the rest by digest alone. */
function kindOf(mediaType: string | undefined, tag: string | undefined): string {
  if (mediaType === undefined) return tag === undefined ? 'content' : 'tag';
  return mediaType === 'application/octet-stream' ? 'blob' : 'manifest';
}

function subjectOf({ repository, tag, digest }: RegistryEvent['target']): string {
  if (tag !== undefined) return `${repository}:${tag}`;
  return digest === undefined ? repository : `${repository}@${digest}`;
}
