-- Puts an event aside, if the consumer still has it.
--
-- KEYS  1 events  2 dead letters
-- ARGV  1 group  2 consumer  3 entry  4 cap of the dead letters  5 deliveries  6 reason
-- Returns 1 when it was put aside, 0 when the consumer did not have it
-- Atomic, so that the event is in one of the two streams at any time.

local pending = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2])
if pending.err or #pending == 0 then
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
return 1
