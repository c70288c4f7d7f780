-- Answers to callers who wait: each pod gets all of it in one publication, which it finds in a hash of its own, by the id of the first, until it is known to have it.
-- The keys of these hashes are made here, of a prefix and the pod's channel: they carry the hash tag of the others.
local function deliver(prefix, ttlMs)
  for channel, lines in pairs(said) do
    local answers = table.concat(lines, '\n')
    redis.call('HSET', prefix .. channel, lines[1], answers)
    redis.call('PEXPIRE', prefix .. channel, ttlMs)
    redis.call('PUBLISH', channel, answers)
  end
end
