-- Answers to callers who wait: each pod gets all of it in one publication, and finds it in a hash of its own until it is known to have it.
-- The keys of these hashes are made here, of a prefix and the pod's channel: they carry the hash tag of the others.
local function deliver(prefix, ttlMs)
  for channel, lines in pairs(said) do
    redis.call('HSET', prefix .. channel, unpack(lines))
    redis.call('PEXPIRE', prefix .. channel, ttlMs)
  end
  publish()
end
