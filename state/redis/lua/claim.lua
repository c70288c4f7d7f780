#!lua flags=allow-oom
-- Whose state this is, and how it is divided: the first installation with a name that comes says whose, the first of its processes how.
--
-- KEYS  1 installation
-- ARGV  1 name of the installation of the caller, or ""  2 into how many partitions the caller divides the state
-- Returns {name of the owner, or ""; number of partitions, or "" when it is not the caller's to say}
-- Atomic, so that of two that come together one is first.

local owner, partitions = unpack(redis.call('HMGET', KEYS[1], 'name', 'partitions'))
if not owner and ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'name', ARGV[1])
  owner = ARGV[1]
end
if not partitions and (owner or '') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'partitions', ARGV[2])
  partitions = ARGV[2]
end
return { owner or '', partitions or '' }
