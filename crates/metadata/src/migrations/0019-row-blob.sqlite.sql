-- Small blobs are rows: their bytes lie beside them, apart, so that looks at blobs do not read past them, and go with them.
CREATE TABLE blob_content (
    blob_id INTEGER PRIMARY KEY REFERENCES blob (id) ON DELETE CASCADE,
    bytes   BLOB NOT NULL
) STRICT;

-- A blob that is a row has no object: sixteen zeros stand in object_key, and name nothing.
DROP INDEX blob_by_object;
CREATE UNIQUE INDEX blob_by_object ON blob (storage_account_id, object_key)
    WHERE object_key <> x'00000000000000000000000000000000';

-- What a session keeps of its bytes itself: all, while no more than a row may hold came, and until something of their object
-- is saved. In those of the version before an object may have all of them.
ALTER TABLE upload ADD COLUMN held BLOB NOT NULL DEFAULT x'';
-- Whether an object was begun.
ALTER TABLE upload ADD COLUMN is_begun INTEGER NOT NULL DEFAULT 1;

-- Counts follow the rows.
CREATE TRIGGER blob_counted AFTER INSERT ON blob BEGIN
    UPDATE total SET value = value + 1 WHERE name = 'blobs';
    UPDATE total SET value = value + NEW.size_bytes WHERE name = 'blob_bytes';
END;
CREATE TRIGGER blob_discounted AFTER DELETE ON blob BEGIN
    UPDATE total SET value = value - 1 WHERE name = 'blobs';
    UPDATE total SET value = value - OLD.size_bytes WHERE name = 'blob_bytes';
END;
CREATE TRIGGER candidate_counted AFTER INSERT ON candidate BEGIN
    UPDATE total SET value = value + 1 WHERE name = 'candidates';
END;
CREATE TRIGGER candidate_discounted AFTER DELETE ON candidate BEGIN
    UPDATE total SET value = value - 1 WHERE name = 'candidates';
END;
