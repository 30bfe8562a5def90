-- name: statement_timeout
-- For the transaction: limit the time of each statement.
SELECT set_config('statement_timeout', %(limit)s, true)
