#!lua flags=allow-oom
-- Puts an event aside, if the consumer still has it from that delivery.
--
-- KEYS  1 events  2 dead letters  3 attempts  4 backlog, when it is of a connection: 5 idle  6 line
-- ARGV  1 group  2 consumer  3 entry  4 cap of the dead letters  5 deliveries  6 reason  7 what it weighs in the backlog,
--       when it is of a connection: 8 its id  9 partition
-- Returns 1 when it was put aside, 0 when the consumer did not have it
-- Atomic, so that the event is in one of the two streams at any time.
-- include backlog
-- include wake
-- include line

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if pending.err or #pending == 0 or pending[1][4] ~= tonumber(ARGV[5]) then
  return 0
end
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if entry then
  local fields = entry[2]
  fields[#fields + 1] = 'deliveries'
  fields[#fields + 1] = ARGV[5]
  fields[#fields + 1] = 'reason'
  fields[#fields + 1] = ARGV[6]
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], '*', unpack(fields))
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('HDEL', KEYS[3], ARGV[3])
lighten(KEYS[4], ARGV[7])
if ARGV[8] and advanceLine(KEYS[1], KEYS[6], ARGV[8], ARGV[3]) then
  wake(KEYS[5], ARGV[9])
end
return 1
