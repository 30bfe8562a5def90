INSERT INTO restore_under_way (manifest_sha256) VALUES (%(manifest_sha256)s)
