-- Whether the caller agrees to be remembered: unknown, given or refused.
ALTER TABLE users ADD COLUMN consent TEXT NOT NULL DEFAULT 'unknown';
