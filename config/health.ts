// The `health` section: checks that take the server out of service while they fail.
import { z } from 'zod';
import { headers, parseHttpUrl, remoteAddress } from './network.ts';
import { countOrDefault, flag, parsed, text, timerOrDefault } from './scalars.ts';

export const healthSchema = z.strictObject({
  storagedriver: z
    .strictObject({
      enabled: flag().default(false).describe('Whether the store is tried from time to time.'),
      interval: interval(),
      threshold: threshold(3),
    })
    .prefault({}),
  file: z
    .array(
      z.strictObject({
        file: text('the path of a file').describe('Unhealthy while this file exists.'),
        interval: interval(),
        threshold: threshold(1),
      }),
    )
    .default([])
    .describe('Files that take the server out of service by being there.'),
  http: z
    .array(
      z.strictObject({
        uri: parsed((value) => parseHttpUrl(value)?.href, 'an http or https URL').describe(
          'The URL that is asked, with HEAD.',
        ),
        headers: headers().describe('Headers of that request: name and list of values.'),
        statuscode: countOrDefault(200).describe('The status of a healthy answer.'),
        timeout: timeout(),
        interval: interval(),
        threshold: threshold(1),
      }),
    )
    .default([])
    .describe('URLs that have to answer.'),
  tcp: z
    .array(
      z.strictObject({
        addr: remoteAddress().describe('The address that is connected to: host:port.'),
        timeout: timeout(),
        interval: interval(),
        threshold: threshold(1),
      }),
    )
    .default([])
    .describe('Addresses that have to take a connection.'),
});

function interval() {
  return timerOrDefault(10_000).describe('How often it is checked. A length of time.');
}

function timeout() {
  return timerOrDefault(5_000).describe('How long an answer is waited for. A length of time.');
}

function threshold(fallback: number) {
  return countOrDefault(fallback).describe('How many times in a row it has to fail.');
}
