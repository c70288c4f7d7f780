#!lua flags=allow-oom
-- Whose state this is: that of the first installation with a name that comes.
--
-- KEYS  1 installation
-- ARGV  1 name of the installation of the caller, or ""
-- Returns the name of the owner, or ""
-- Atomic, so that of two that come together one is first.

local owner = redis.call('HGET', KEYS[1], 'name')
if not owner and ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'name', ARGV[1])
  owner = ARGV[1]
end
return owner or ''
