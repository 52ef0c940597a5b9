-- The kind that a storage account was made as, which ARM shows.

ALTER TABLE storage_resource ADD COLUMN kind TEXT NOT NULL DEFAULT 'StorageV2';
