SELECT last_sequence, content_hash, authority_timestamp, drift_threshold FROM begin_append(%(patience)s)
