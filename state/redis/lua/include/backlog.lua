-- What waits in a partition counts in bytes; an event counts for at least so many that no more of them fit in than may wait.
local function weightOf(head, body, least)
  return math.max(#head + #body, least)
end

-- Events are there no more. It is never less than nothing, should a process of another version have added less.
local function lighten(backlog, weight)
  if redis.call('HINCRBY', backlog, 'bytes', -weight) < 0 then
    redis.call('DEL', backlog)
  end
end
