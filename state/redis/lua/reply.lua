#!lua flags=allow-oom
-- Answers callers who wait; the first answer wins. See `RunnerState.reply`.
--
-- KEYS  the replies
-- ARGV  1 prefix of the keys of answers  2 answersTtlMs, then of each reply: its id, the namespace, the message
-- Returns of each: 2 first, 1 late, 0 gone
-- Atomic, so that of several runners one is first, and what is first is stored for the pod to fetch should the publication miss it.
-- A late answer is still that of calls which say the same again.
-- include publish
-- include answer
-- include remember

local outcomes = {}
for i = 1, #KEYS do
  local id, namespace, message = ARGV[3 * i], ARGV[3 * i + 1], ARGV[3 * i + 2]
  local reply = redis.call('HMGET', KEYS[i], 'ns', 'ch', 'over', 'once')
  if reply[1] ~= namespace then
    outcomes[i] = 0
  elseif reply[3] then
    outcomes[i] = 1
    remember(reply[4], message)
  else
    outcomes[i] = 2
    remember(reply[4], message)
    answer(KEYS[i], reply[2], id, message)
  end
end
deliver(ARGV[1], ARGV[2])
return outcomes
