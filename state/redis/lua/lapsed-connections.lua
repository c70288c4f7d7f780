#!lua flags=allow-oom
-- WebSockets whose pods are silent for too long, so that their end can be recorded.
--
-- KEYS  1 connections
-- ARGV  1 how many at most  2 prefix of the keys of connections
-- Returns of each {id, head of its connect event, key of its places}
-- Atomic, so that what is known of one belongs to it. The keys of connections are made here: they carry the hash tag of the other.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapsed = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  local connection = redis.call('HMGET', ARGV[2] .. id, 'head', 'places')
  if connection[1] then
    lapsed[#lapsed + 1] = { id, connection[1], connection[2] }
  else
    -- Nobody looked for so long that it is not known any more.
    redis.call('ZREM', KEYS[1], id)
  end
end
return lapsed
