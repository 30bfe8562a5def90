-- Take one attempt from the network's bucket, which refills in a minute; no row if it is empty.
INSERT INTO sign_in_buckets AS known (network, level, at)
VALUES (%(network)s, %(most)s - 1, clock_timestamp())
ON CONFLICT (network) DO UPDATE SET
    level = least(%(most)s, known.level + extract(epoch FROM clock_timestamp() - known.at) * %(most)s / 60.0) - 1,
    at = clock_timestamp()
WHERE known.level + extract(epoch FROM clock_timestamp() - known.at) * %(most)s / 60.0 >= 1
RETURNING level
