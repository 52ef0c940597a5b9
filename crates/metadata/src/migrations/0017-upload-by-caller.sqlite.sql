-- The sessions of a caller by their last progress, so that the one that gives way to a new one is found at once.

DROP INDEX upload_by_actor;
CREATE INDEX upload_by_actor ON upload (registry_id, actor, updated_at);
