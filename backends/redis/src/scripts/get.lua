-- ARGV: the prefix, then ids. Answers two for each: the sealed vector and when it was last used, or two nothings.
local prefix = ARGV[1]
local found = {}
for i = 2, #ARGV do
  local owner = redis.call('GET', prefix .. 'at:' .. ARGV[i])
  local vector = owner and redis.call('HGET', prefix .. 'of:' .. owner, ARGV[i])
  local used = vector and redis.call('ZSCORE', prefix .. 'used', ARGV[i])
  found[#found + 1] = used and vector or false
  found[#found + 1] = used or false
end
return found
