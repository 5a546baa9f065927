-- ARGV: the prefix, when, for how many seconds it stays unused, then ids.
local prefix, now, keep = ARGV[1], ARGV[2], ARGV[3]
for i = 4, #ARGV do
  local owner = redis.call('GET', prefix .. 'at:' .. ARGV[i])
  if owner and redis.call('HEXISTS', prefix .. 'of:' .. owner, ARGV[i]) == 1 then
    redis.call('ZADD', prefix .. 'used', now, ARGV[i])
    for _, key in ipairs({ 'used', 'at:' .. ARGV[i], 'of:' .. owner }) do
      redis.call('EXPIRE', prefix .. key, keep)
    end
  end
end
return true
