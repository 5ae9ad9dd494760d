// The server is killed while clients write (again-and-again.ts); also where it is several processes, one of which is killed before.
// BERTH_CRASH_KILLS sets how often.
import { test } from 'node:test';
import { killAgainAndAgain } from './again-and-again.ts';

const KILLS = Number(process.env['BERTH_CRASH_KILLS'] ?? 100);

test('a kill -9 at any moment leaves no wrong answer', (context) =>
  killAgainAndAgain(context, { kills: KILLS }));

test('nor does that of one of several processes, and then of all', (context) =>
  killAgainAndAgain(context, { kills: Math.ceil(KILLS / 5), workers: [3] }));
