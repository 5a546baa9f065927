-- ARGV: the prefix, an owner, for how many seconds nothing more is taken for them. Answers how much went.
local prefix, owner = ARGV[1], ARGV[2]
redis.call('SET', prefix .. 'gone:' .. owner, '', 'EX', ARGV[3])
local gone = 0
for _, id in ipairs(redis.call('HKEYS', prefix .. 'of:' .. owner)) do
  redis.call('DEL', prefix .. 'at:' .. id)
  gone = gone + redis.call('ZREM', prefix .. 'used', id)
end
redis.call('DEL', prefix .. 'of:' .. owner)
return gone
