#!lua flags=allow-oom
-- There is work in this partition that the caller can't take: wakes another idle runner.
--
-- KEYS  1 idle
-- ARGV  1 partition
-- Returns nothing
-- Atomic, so that each idle runner is woken once.
-- include wake

wake(KEYS[1], ARGV[1])
