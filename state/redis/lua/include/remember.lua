-- Keeps the answer for calls that say the same again; the first one stays. The key is one that the admission has put into the reply: its partition is the same.
local function remember(once, message)
  if once and redis.call('EXISTS', once) == 1 then
    redis.call('HSETNX', once, 'msg', message)
  end
end
