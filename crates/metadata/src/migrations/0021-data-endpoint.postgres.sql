-- Whether a registry's blobs are read straight from its store, by signed URLs.
ALTER TABLE registry ADD COLUMN data_endpoint bigint NOT NULL DEFAULT 0;
