-- Answers callers who wait; the first answer wins. See `RunnerState.reply`.
--
-- KEYS  the replies
-- ARGV  of each reply: its id, the namespace, the message
-- Returns of each: 2 first, 1 late, 0 gone
-- Atomic, so that of several runners one is first, and what is first is stored for the pod to fetch should the publication miss it.
-- A late answer is still that of calls which say the same again.
-- A pod gets all of its messages in one publication, as lines: id, message, id, message, and so on.

-- include remember

local outcomes, lines = {}, {}
for i = 1, #KEYS do
  local id, namespace, message = ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]
  local reply = redis.call('HMGET', KEYS[i], 'ns', 'ch', 'over', 'once')
  if reply[1] ~= namespace then
    outcomes[i] = 0
  elseif reply[3] then
    outcomes[i] = 1
    remember(reply[4], message)
  else
    outcomes[i] = 2
    remember(reply[4], message)
    redis.call('HSET', KEYS[i], 'over', '1', 'msg', message)
    local channel = reply[2]
    local said = lines[channel]
    if not said then
      said = {}
      lines[channel] = said
    end
    said[#said + 1] = id
    said[#said + 1] = message
  end
end
for channel, said in pairs(lines) do
  redis.call('PUBLISH', channel, table.concat(said, '\n'))
end
return outcomes
