// The same small question with a bearer token and without a login: what it costs to know who asks.
import { z } from 'zod';
import type { Load } from '../load/client.ts';
import { openConnection, WrongAnswer } from '../load/connection.ts';
import { MANIFEST_TYPE } from '../load/image.ts';
import { withCost } from '../processes.ts';
import type { Sizes } from '../sizes.ts';
import type { GuardedRegistry, Target } from '../targets.ts';
import { type Rate, runWrk } from '../wrk.ts';
import type { Row } from './row.ts';

export const tokenRow = 'manifest-with-token';

const REPOSITORY = `bench/${tokenRow}`;
const TAG = 'v1';
const PATH = `/v2/${REPOSITORY}/manifests/${TAG}`;
const tokenAnswer = z.object({ token: z.string().min(1) });

/** Only for a target that has a guarded twin. Which of the two is asked first changes from round to round. */
export function createTokenRow(load: Load, sizes: Sizes): Row {
  const { connections } = sizes;
  const ask = (url: string, seconds: number, authorization?: string): Promise<Rate> =>
    runWrk({
      url,
      path: PATH,
      accept: MANIFEST_TYPE,
      authorization,
      bodyBytes: undefined,
      connections,
      seconds,
    });
  const push = (url: string) =>
    load.run({ kind: 'tags', url, repository: REPOSITORY, tags: [TAG], blobSize: sizes.smallBlobBytes });
  return {
    name: tokenRow,
    needsLogin: true,
    metrics: [
      { name: tokenRow, title: 'manifest by tag, with a token', unit: 'requests/s', better: 'more' },
      {
        name: `${tokenRow}.share`,
        title: 'manifest by tag, with a token: of the rate without a login',
        unit: '%',
        better: 'more',
      },
      {
        name: `${tokenRow}.p99`,
        title: `manifest by tag, with a token: p99 of ${connections}`,
        unit: 'ms',
        better: 'less',
      },
      {
        name: `${tokenRow}.cpu`,
        title: 'manifest by tag, with a token: processor time',
        unit: 'µs/request',
        better: 'less',
      },
    ],
    prepare: async (target) => {
      const guarded = guardedOf(target);
      await push(target.url);
      await push(guarded.url);
      await refuseForged(guarded.url, await fetchToken(guarded));
      await ask(target.url, 1);
      await ask(guarded.url, 1, await fetchToken(guarded));
    },
    measure: async (target, round) => {
      const guarded = guardedOf(target);
      const authorization = await fetchToken(guarded);
      const withToken = () =>
        withCost(guarded.pid, () => ask(guarded.url, sizes.requestSeconds, authorization));
      const without = () => ask(target.url, sizes.requestSeconds);
      const openFirst = round % 2 === 0 ? await without() : undefined;
      const { result, cpuSeconds } = await withToken();
      const open = openFirst ?? (await without());
      return {
        [tokenRow]: result.perSecond,
        [`${tokenRow}.share`]: (100 * result.perSecond) / open.perSecond,
        [`${tokenRow}.p99`]: result.p99Ms,
        [`${tokenRow}.cpu`]: cpuSeconds === undefined ? undefined : (cpuSeconds * 1e6) / result.requests,
      };
    },
  };
}

function guardedOf({ name, guarded }: Target): GuardedRegistry {
  if (guarded === undefined) throw new Error(`${name} has no server that asks for a login`);
  return guarded;
}

/** A new one for each round: they hold for five minutes. */
async function fetchToken({ url, name, password }: GuardedRegistry): Promise<string> {
  const basic = Buffer.from(`${name}:${password}`).toString('base64');
  const answer = await fetch(`${url}/auth/token?service=berth&scope=repository:${REPOSITORY}:pull`, {
    headers: { Authorization: `Basic ${basic}` },
  });
  if (answer.status !== 200) throw new WrongAnswer(`a token was refused with ${answer.status}`);
  return `Bearer ${tokenAnswer.parse(await answer.json()).token}`;
}

/** A server that does not look at tokens would be fast. */
async function refuseForged(url: string, authorization: string): Promise<void> {
  const connection = await openConnection(url);
  const middle = authorization.length >> 1;
  const other = authorization[middle] === 'A' ? 'B' : 'A';
  const forged = `${authorization.slice(0, middle)}${other}${authorization.slice(middle + 1)}`;
  try {
    await connection.exchange({
      method: 'GET',
      target: PATH,
      headers: { Accept: MANIFEST_TYPE, Authorization: forged },
      status: 401,
    });
  } finally {
    connection.close();
  }
}
