-- Delete the buckets that are full again, except those that another session is using.
DELETE FROM sign_in_buckets WHERE network IN (
    SELECT network FROM sign_in_buckets WHERE at < clock_timestamp() - interval '1 minute'
    FOR UPDATE SKIP LOCKED
)
