CREATE TABLE restore_under_way (manifest_sha256 TEXT NOT NULL, verified BOOLEAN NOT NULL DEFAULT false, begun_at TIMESTAMPTZ NOT NULL DEFAULT now())
