#!lua flags=allow-oom
-- Puts an event aside, if the consumer still has it from that delivery.
--
-- KEYS  1 events  2 dead letters  3 attempts  4 backlog, when it is of a connection: 5 idle  6 line
-- ARGV  1 group  2 consumer  3 entry  4 how many dead letters are kept  5 and how many bytes  6 deliveries  7 reason  8 what it weighs in the backlog,
--       when it is of a connection: 9 its id  10 partition
-- Returns 1 when it was put aside, 0 when the consumer did not have it
-- Atomic, so that the event is in one of the two streams at any time.
-- include backlog
-- include dead-letters
-- include wake
-- include line

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if pending.err or #pending == 0 or pending[1][4] ~= tonumber(ARGV[6]) then
  return 0
end
local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
if entry then
  local fields = entry[2]
  fields[#fields + 1] = 'deliveries'
  fields[#fields + 1] = ARGV[6]
  fields[#fields + 1] = 'reason'
  fields[#fields + 1] = ARGV[7]
  addDeadLetter(KEYS[2], fields, ARGV[4], ARGV[5])
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
redis.call('HDEL', KEYS[3], ARGV[3])
lighten(KEYS[4], ARGV[8])
if ARGV[9] and advanceLine(KEYS[1], KEYS[6], ARGV[9], ARGV[3]) then
  wake(KEYS[5], ARGV[10])
end
return 1
