-- The service's own storage accounts, found without a walk over those of users.

ALTER TABLE storage_account ADD COLUMN is_own INTEGER NOT NULL DEFAULT 1;
UPDATE storage_account SET is_own = 0 WHERE id IN (SELECT storage_account_id FROM storage_resource);
CREATE INDEX storage_account_by_location ON storage_account (is_own, location);
