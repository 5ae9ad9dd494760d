// What Redis does with a lock, each in one step. Four keys belong to a name:
//
//   owner    the token of whoever has it alone; goes when its lease ends
//   sharers  tokens of those that share it, each with the time when its lease ends
//   queue    tokens of those that wait, in their order; one that wants the name alone begins with `x`
//   places   the same tokens, each with the time until which it keeps its place without asking again
//
// Every key goes by itself when nobody comes back to it. Times are those of Redis.
import type { RedisScript } from './redis.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

const DROP_THE_DEAD = `
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do
  redis.call('ZREM', KEYS[3], dead)
  redis.call('ZREM', KEYS[4], dead)
end
`;

/** Takes or keeps the place of `waiter` at the end of the queue, and gives how many stand before it. */
const WAIT = `
if not redis.call('ZSCORE', KEYS[3], waiter) then
  local last = redis.call('ZREVRANGE', KEYS[3], 0, 0, 'WITHSCORES')
  redis.call('ZADD', KEYS[3], (tonumber(last[2]) or 0) + 1, waiter)
end
redis.call('ZADD', KEYS[4], now + ARGV[3], waiter)
redis.call('PEXPIRE', KEYS[3], ARGV[3] * 2)
redis.call('PEXPIRE', KEYS[4], ARGV[3] * 2)
return redis.call('ZRANK', KEYS[3], waiter)
`;

const LEAVE_QUEUE = `
redis.call('ZREM', KEYS[3], waiter)
redis.call('ZREM', KEYS[4], waiter)
`;

/** KEYS: as above. ARGV: token, lease, place. Gives -1, or how many are to be served before. */
export const ACQUIRE_ALONE: RedisScript = `${NOW}${DROP_THE_DEAD}
local waiter = 'x' .. ARGV[1]
local first = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
local free = redis.call('EXISTS', KEYS[1]) == 0 and redis.call('ZCARD', KEYS[2]) == 0
if free and (not first or first == waiter) then
  ${LEAVE_QUEUE}
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return -1
end
${WAIT}`;

/** The same for one of many: only those in the queue that want the name alone go before it. */
export const ACQUIRE_SHARED: RedisScript = `${NOW}${DROP_THE_DEAD}
local waiter = 's' .. ARGV[1]
local free = redis.call('EXISTS', KEYS[1]) == 0
if free then
  for _, other in ipairs(redis.call('ZRANGE', KEYS[3], 0, -1)) do
    if other == waiter then break end
    if string.sub(other, 1, 1) == 'x' then free = false break end
  end
end
if free then
  ${LEAVE_QUEUE}
  redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', KEYS[2], ARGV[2] * 2)
  return -1
end
${WAIT}`;

/** ARGV: token, lease. Gives 1 if the lock is still held, for another lease. */
export const RENEW_ALONE: RedisScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1`;

export const RENEW_SHARED: RedisScript = `${NOW}
local ends = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2] * 2)
return 1`;

/** ARGV: token. Gives back what it holds, or its place in the queue. */
export const RELEASE: RedisScript = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
redis.call('ZREM', KEYS[2], ARGV[1])
for _, waiter in ipairs({ 'x' .. ARGV[1], 's' .. ARGV[1] }) do
  redis.call('ZREM', KEYS[3], waiter)
  redis.call('ZREM', KEYS[4], waiter)
end
return 1`;
