#!lua flags=allow-oom
-- Removes consumers that have nothing and were not heard of for long: they died before they could leave.
--
-- KEYS  1 events
-- ARGV  1 group  2 after how many ms
-- Returns how many
-- Atomic, so that none gets something before it is removed: that would be lost. One that lives after all is made anew when it reads.

local consumers, forgotten = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1]), 0
for _, fields in ipairs(consumers.err and {} or consumers) do
  local consumer = {}
  for i = 1, #fields, 2 do
    consumer[fields[i]] = fields[i + 1]
  end
  if consumer.pending == 0 and consumer.idle >= tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
    forgotten = forgotten + 1
  end
end
return forgotten
