-- Answers a waiting caller; the first wins. See `RunnerState.reply`.
--
-- KEYS  1 reply
-- ARGV  1 reply id  2 namespace  3 message
-- Returns 2 first, 1 late, 0 gone
-- Atomic, so that of several runners one is first, and what is first is stored for the pod to fetch should the publication miss it.

local reply = redis.call('HMGET', KEYS[1], 'ns', 'ch', 'over')
if reply[1] ~= ARGV[2] then
  return 0
end
if reply[3] then
  return 1
end
redis.call('HSET', KEYS[1], 'over', '1', 'msg', ARGV[3])
redis.call('PUBLISH', reply[2], ARGV[1] .. '\n' .. ARGV[3])
return 2
