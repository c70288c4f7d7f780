#!lua flags=allow-oom
-- The heartbeat of a consumer: keeps what it works on from others. Or, on its way out, hands it to them.
--
-- KEYS  1 events  2 parked  3 idle, then the resumed runs
-- ARGV  1 group  2 consumer  3 lapseMs to keep; 0 to hand over  4 partition  5 number of entries, then the entries, then the ids of the runs
-- Returns nothing
-- Atomic, so that nothing is held that another has taken over meanwhile.
-- include wake

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep = ARGV[3] ~= '0'
local entries = tonumber(ARGV[5])

for i = 6, 5 + entries do
  local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
  if not pending.err and #pending > 0 then
    -- To be idle for a day is to be anybody's, without a failed attempt (see read.lua); JUSTID leaves the number of deliveries alone.
    redis.call('XCLAIM', KEYS[1], ARGV[1], keep and ARGV[2] or 'handed-over', 0, ARGV[i], 'IDLE', keep and 0 or 86400000, 'JUSTID')
  end
end

for i = 4, #KEYS do
  local id = ARGV[2 + entries + i]
  if redis.call('HGET', KEYS[i], 'consumer') == ARGV[2] and redis.call('ZSCORE', KEYS[2], id) then
    redis.call('ZADD', KEYS[2], now + ARGV[3], id)
    if not keep then
      -- Who hands a run over has not failed at it.
      redis.call('HINCRBY', KEYS[i], 'attempts', -1)
      redis.call('HDEL', KEYS[i], 'consumer')
    end
  end
end

if not keep then
  wake(KEYS[3], ARGV[4] .. ' abandoned')
end
