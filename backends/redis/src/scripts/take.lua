-- Takes from a rate (core/src/limit/gcra.rs has the arithmetic in words). KEYS: the counter. ARGV: now, the time in which one
-- is paid back, that of a whole burst, the cost; all in microseconds. Answers when everything was paid back before; nothing for
-- never. The caller reckons the ruling from that, so this needs only to write what the same ruling leaves.
local before = redis.call('GET', KEYS[1])
local paid = before and tonumber(before)
local now, interval, most, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local owed = 0
if paid then
  owed = math.min(math.max(paid - now, 0), most)
end
local wanted = owed + interval * math.max(cost, 1)
local after = owed
if cost > 0 and wanted <= most then
  after = wanted
end
if after > 0 and paid ~= now + after then
  -- Nodes' clocks differ a little, and Redis' own may run faster: a minute more costs nothing.
  redis.call('SET', KEYS[1], string.format('%.0f', now + after), 'PX', math.floor(after / 1000) + 60000)
end
return before
