-- What is too old to be kept is found without opening what is younger, or has no words any more.
CREATE INDEX conversations_spoken ON conversations (tenant, started_at, id)
    WHERE transcript IS NOT NULL OR extraction IS NOT NULL;
CREATE INDEX memories_by_age ON memories (tenant, learnt_at, id);
CREATE INDEX events_by_time  ON events (tenant, received_at, id);
