-- One call at the door, or a WebSocket or a message of one: throttle, lease, append. See `IngressState.admit`, `connect` and `receive`.
--
-- KEYS  1 events  2 parked  3 idle, with a connection: 4 connections  5 connection  6 line  7 waiting
--       then in this order those that are asked for: window, once, lease, reply
-- ARGV  1 requests, or "" without a throttle  2 windowMs
--       3 lease id, or "" without a lease     4 limit  5 leaseTtlMs
--       6 head of the event, or "" without an event  7 body  8 backlog  9 parked bound  10 partition
--       11 replyTtlMs, or "" or absent without a reply  12 the pod's channel  13 namespace
--       14 id of the connection, or "" or absent  15 cap of its line
--       16 connectionTtlMs and 17 key of its places to open it, absent when it must be there
--       18 onceTtlMs, or absent  19 id of the event  20 its fingerprint
-- Returns 0 accepted; > 0 throttled, and the milliseconds until there is room; -1 crowded; -2 backlogged; -3 there is no such connection;
--         -4 the key was used for something else; {id of the event that was taken before, its answer}
-- Atomic, so that calls at several pods can't pass together where one has room, and an event is stored with its lease and reply or not at all.
-- include wake
-- include line

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local connection = ARGV[14] ~= '' and ARGV[14] or nil
local key = connection and 7 or 3

if connection and not ARGV[16] and not redis.call('ZSCORE', KEYS[4], connection) then
  return -3
end

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

local once
if ARGV[18] then
  key = key + 1
  once = KEYS[key]
  local taken = redis.call('HMGET', once, 'event', 'fingerprint', 'msg')
  if taken[1] then
    return taken[2] == ARGV[20] and { taken[1], taken[3] } or -4
  end
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
  local unacknowledged = redis.call('XLEN', KEYS[1])
  if connection then
    unacknowledged = unacknowledged + (redis.call('HGET', KEYS[7], 'events') or 0)
    -- Two elements for each event that waits.
    if redis.call('LLEN', KEYS[6]) >= 2 * ARGV[15] then
      return -2
    end
  end
  if unacknowledged >= tonumber(ARGV[8]) or redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[9]) then
    return -2
  end
end

if lease then
  redis.call('ZADD', lease, now + ARGV[5], ARGV[3])
  redis.call('PEXPIRE', lease, ARGV[5])
end

if connection and ARGV[16] then
  redis.call('HSET', KEYS[5], 'ns', ARGV[13], 'ch', ARGV[12], 'places', ARGV[17], 'head', ARGV[6])
  redis.call('PEXPIRE', KEYS[5], ARGV[16])
  redis.call('ZADD', KEYS[4], now + ARGV[5], connection)
end

if ARGV[6] ~= '' then
  if not connection then
    redis.call('XADD', KEYS[1], '*', 'h', ARGV[6], 'b', ARGV[7])
  elseif not appendInLine(KEYS[1], KEYS[6], KEYS[7], connection, ARGV[6], ARGV[7]) then
    -- A runner is told when the event's turn has come.
    return 0
  end
  if ARGV[11] and ARGV[11] ~= '' then
    local reply = KEYS[key + 1]
    redis.call('HSET', reply, 'ns', ARGV[13], 'ch', ARGV[12])
    if once then
      redis.call('HSET', reply, 'once', once)
    end
    redis.call('PEXPIRE', reply, ARGV[11])
  end
  if once then
    redis.call('HSET', once, 'event', ARGV[19], 'fingerprint', ARGV[20])
    redis.call('PEXPIRE', once, ARGV[18])
  end
  wake(KEYS[3], ARGV[10])
end
return 0
