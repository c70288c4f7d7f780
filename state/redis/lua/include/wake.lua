-- Wakes one runner that found nothing. One that is gone can't be reached, so the next is tried. But a server of a Cluster knows only of those that listen at itself:
-- of runners whose names begin with "?" one is told, and should it be gone, a sweep of the others finds the work. False: there is no idle one.
local function wake(idle, message)
  local runner = redis.call('SPOP', idle)
  while runner do
    local channel, blindly = string.gsub(runner, '^%?', '')
    if redis.call('PUBLISH', channel, message) > 0 or blindly > 0 then
      return true
    end
    runner = redis.call('SPOP', idle)
  end
  return false
end
