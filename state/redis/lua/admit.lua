-- One call at the door: throttle, lease, append. See `IngressState.admit`.
--
-- KEYS  1 events  2 parked  3 idle, then in this order those that are asked for: window, lease, reply
-- ARGV  1 requests, or "" without a throttle  2 windowMs
--       3 lease id, or "" without a lease     4 limit  5 leaseTtlMs
--       6 head of the event, or "" without an event  7 body  8 backlog  9 parked bound  10 partition
--       11 replyTtlMs, or absent without a reply  12 the pod's channel  13 namespace
-- Returns 0 accepted; > 0 throttled, and the milliseconds until there is room; -1 crowded; -2 backlogged
-- Atomic, so that calls at several pods can't pass together where one has room, and an event is stored with its lease and reply or not at all.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local key = 3

if ARGV[1] ~= '' then
  key = key + 1
  local requests, windowMs = tonumber(ARGV[1]), tonumber(ARGV[2])
  -- The newest is first, so that the N-th newest alone tells whether a call passes.
  local oldest = tonumber(redis.call('LINDEX', KEYS[key], requests - 1))
  -- A time further ahead than a whole window can only come from a clock that was set back; it must not block calls.
  if oldest and oldest > now - windowMs and oldest <= now + windowMs then
    return oldest + windowMs - now
  end
  if redis.call('LPUSH', KEYS[key], now) > requests then
    redis.call('LTRIM', KEYS[key], 0, requests - 1)
  end
  redis.call('PEXPIRE', KEYS[key], windowMs)
end

local lease
if ARGV[3] ~= '' then
  key = key + 1
  lease = KEYS[key]
  local limit = tonumber(ARGV[4])
  -- Places that lapsed are in nobody's way until there are none left.
  if redis.call('ZCARD', lease) >= limit then
    redis.call('ZREMRANGEBYSCORE', lease, '-inf', now)
    if redis.call('ZCARD', lease) >= limit and not redis.call('ZSCORE', lease, ARGV[3]) then
      return -1
    end
  end
end

if ARGV[6] ~= '' then
  if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[8]) or redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[9]) then
    return -2
  end
end

if lease then
  redis.call('ZADD', lease, now + ARGV[5], ARGV[3])
  redis.call('PEXPIRE', lease, ARGV[5])
end

if ARGV[6] ~= '' then
  redis.call('XADD', KEYS[1], '*', 'h', ARGV[6], 'b', ARGV[7])
  if ARGV[11] then
    local reply = KEYS[key + 1]
    redis.call('HSET', reply, 'ns', ARGV[13], 'ch', ARGV[12])
    redis.call('PEXPIRE', reply, ARGV[11])
  end
  -- Wakes one runner that found nothing; one that is gone can't be reached, so the next is tried.
  local runner = redis.call('SPOP', KEYS[3])
  while runner and redis.call('PUBLISH', runner, ARGV[10]) == 0 do
    runner = redis.call('SPOP', KEYS[3])
  end
end
return 0
