-- Keeps the answer for calls that say the same again; the first one stays. That a run failed is not kept where it is to be tried again: then the key is
-- free. The key is one that the admission has put into the reply: its partition is the same.
local function remember(once, message, failed)
  if not once then
    return
  end
  local taken = redis.call('HMGET', once, 'event', 'retry', 'msg')
  if not taken[1] or taken[3] then
    return
  end
  if failed and taken[2] then
    redis.call('DEL', once)
  else
    redis.call('HSET', once, 'msg', message)
  end
end
