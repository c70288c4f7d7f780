#!lua flags=allow-oom
-- Answers callers who wait; the first answer wins. See `RunnerState.reply`.
--
-- KEYS  hashes that replies share
-- ARGV  1 prefix of the keys of answers  2 answersTtlMs  3 prefix of the keys of replies with a hash of their own
--       then of each shared hash the number of its replies, and of each of these: its id, the namespace, the message
-- Returns of each: 2 first, 1 late, 0 gone
-- Atomic, so that of several runners one is first, and what is first is stored for the pod to fetch should the publication miss it.
-- A late answer is still that of calls which say the same again.
-- include publish
-- include answer
-- include remember
-- include replies

local function replyAlone(id, namespace, message)
  local key = ARGV[3] .. string.match(id, '^%S*')
  local reply = redis.call('HMGET', key, 'ns', 'ch', 'over', 'once')
  if reply[1] ~= namespace then
    return 0
  end
  remember(reply[4], message)
  if reply[3] then
    return 1
  end
  redis.call('HSET', key, 'over', '1')
  say(reply[2], id, message)
  return 2
end

local outcomes, at = {}, 4
for _, key in ipairs(KEYS) do
  local count, ids = tonumber(ARGV[at]), {}
  for i = 1, count do
    ids[i] = ARGV[at + 3 * i - 2]
  end
  local open, over = redis.call('HMGET', key, unpack(ids)), {}
  -- One may be answered twice here.
  local isOver = {}
  for i, id in ipairs(ids) do
    local namespace, message = ARGV[at + 3 * i - 1], ARGV[at + 3 * i]
    local outcome
    if not open[i] then
      outcome = replyAlone(id, namespace, message)
    else
      local owner, channel = whoWaits(open[i])
      if owner ~= namespace then
        outcome = 0
      elseif not channel or isOver[id] then
        outcome = 1
      else
        outcome = 2
        isOver[id] = true
        over[#over + 1] = id
        over[#over + 1] = namespace
        say(channel, id, message)
      end
    end
    outcomes[#outcomes + 1] = outcome
  end
  if #over > 0 then
    redis.call('HSET', key, unpack(over))
  end
  at = at + 3 * count + 1
end
deliver(ARGV[1], ARGV[2])
return outcomes
