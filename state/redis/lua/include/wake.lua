-- Wakes one runner that found nothing; one that is gone can't be reached, so the next is tried.
local function wake(idle, message)
  local runner = redis.call('SPOP', idle)
  while runner and redis.call('PUBLISH', runner, message) == 0 do
    runner = redis.call('SPOP', idle)
  end
end
