-- Who made and changed scope maps and tokens.

ALTER TABLE scope_map ADD COLUMN created_by TEXT;
ALTER TABLE scope_map ADD COLUMN created_by_kind TEXT;
ALTER TABLE scope_map ADD COLUMN updated_by TEXT;
ALTER TABLE scope_map ADD COLUMN updated_by_kind TEXT;
ALTER TABLE scope_map ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
UPDATE scope_map SET updated_at = created_at;
ALTER TABLE token ADD COLUMN created_by TEXT;
ALTER TABLE token ADD COLUMN created_by_kind TEXT;
ALTER TABLE token ADD COLUMN updated_by TEXT;
ALTER TABLE token ADD COLUMN updated_by_kind TEXT;
ALTER TABLE token ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
UPDATE token SET updated_at = created_at;
