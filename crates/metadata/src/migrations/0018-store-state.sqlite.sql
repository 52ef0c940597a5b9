-- What the store of bytes must know to go on with an upload, saved with its progress; empty where nothing was saved yet,
-- and for uploads of the version before, whose folder needs nothing.
ALTER TABLE upload ADD COLUMN store_state BLOB NOT NULL DEFAULT x'';
-- The same of a queued object (kind 4) whose upload was never completed; null for one that is whole.
ALTER TABLE candidate ADD COLUMN store_state BLOB;
