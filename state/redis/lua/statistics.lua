#!lua flags=no-writes
-- How full a partition is. See `Statistics`.
--
-- KEYS  1 events  2 dead letters  3 parked  4 backlog  5 deferred
-- ARGV  none
-- Returns {events, ms of the oldest, bytes of the backlog, parked, due, dead letters, dead letters ever, deferred events}
-- Atomic, so that the oldest event is one of those counted.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local age = 0
local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if oldest then
  age = math.max(0, now - tonumber(string.match(oldest[1], '^%d+')))
end

-- The stream knows how many were ever added; it is not there before the first.
local ever = 0
local stream = redis.pcall('XINFO', 'STREAM', KEYS[2])
if not stream.err then
  for i = 1, #stream, 2 do
    if stream[i] == 'entries-added' then
      ever = stream[i + 1]
    end
  end
end

local deferred = 0
for _, count in ipairs(redis.call('HVALS', KEYS[5])) do
  deferred = deferred + count
end

return {
  redis.call('XLEN', KEYS[1]),
  age,
  tonumber(redis.call('HGET', KEYS[4], 'bytes') or 0),
  redis.call('ZCARD', KEYS[3]),
  redis.call('ZCOUNT', KEYS[3], '-inf', now),
  redis.call('XLEN', KEYS[2]),
  ever,
  deferred,
}
