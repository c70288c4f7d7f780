-- Open replies. Of those that were opened at about the same time one hash has the namespace and the channel of each, parted by a blank, and the namespace alone
-- when it is over. One that is remembered with its event, for longer than its caller waits, has a hash of its own.
local function waiting(namespace, channel)
  return namespace .. ' ' .. channel
end

-- Namespace and channel of a reply in a shared hash; no channel when it is over.
local function whoWaits(open)
  local namespace, channel = string.match(open, '^(%S+) (.+)$')
  return namespace or open, channel
end
