SELECT manifest_sha256, verified FROM restore_under_way
