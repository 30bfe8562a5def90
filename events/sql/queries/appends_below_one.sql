-- Rows of the record of appends outside the sequence.
SELECT last_sequence FROM appends WHERE last_sequence < 1 OR last_sequence IS NULL ORDER BY last_sequence LIMIT %(limit)s
