-- ARGV: the prefix, a time, how many to keep, how many to remove at the most. Removes what was last used before then, else the
-- least recently used of those that are too many. Answers how much went.
local prefix, most = ARGV[1], tonumber(ARGV[4])
local used = prefix .. 'used'
local ids = redis.call('ZRANGEBYSCORE', used, '-inf', '(' .. ARGV[2], 'LIMIT', 0, most)
if #ids == 0 then
  local over = math.min(redis.call('ZCARD', used) - tonumber(ARGV[3]), most)
  if over > 0 then
    ids = redis.call('ZRANGE', used, 0, over - 1)
  end
end
for _, id in ipairs(ids) do
  local owner = redis.call('GET', prefix .. 'at:' .. id)
  if owner then
    redis.call('HDEL', prefix .. 'of:' .. owner, id)
  end
  redis.call('DEL', prefix .. 'at:' .. id)
  redis.call('ZREM', used, id)
end
return #ids
