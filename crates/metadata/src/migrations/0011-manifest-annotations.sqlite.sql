-- Annotations may be as large as a manifest: apart, so that no listing reads past them, and only of referrers, whose list
-- shows them. What listings show else has a length.

CREATE TABLE manifest_annotations (
    manifest_id INTEGER PRIMARY KEY REFERENCES manifest (id),
    annotations TEXT NOT NULL
) STRICT;
INSERT INTO manifest_annotations (manifest_id, annotations)
    SELECT id, annotations FROM manifest WHERE subject IS NOT NULL AND annotations IS NOT NULL;
ALTER TABLE manifest DROP COLUMN annotations;
UPDATE manifest SET architecture = NULL WHERE octet_length(architecture) > 64;
UPDATE manifest SET os = NULL WHERE octet_length(os) > 64;
UPDATE manifest SET artifact_type = NULL WHERE octet_length(artifact_type) > 255;
UPDATE manifest SET config_media_type = NULL WHERE octet_length(config_media_type) > 255;
