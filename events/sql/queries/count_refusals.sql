-- Add to the counts. Rows are updated in order, so that concurrent processes cannot deadlock.
INSERT INTO refusals AS known (problem, number)
SELECT * FROM unnest(%(problems)s::text[], %(numbers)s::bigint[]) AS counted (problem, number) ORDER BY problem
ON CONFLICT (problem) DO UPDATE SET number = known.number + excluded.number
