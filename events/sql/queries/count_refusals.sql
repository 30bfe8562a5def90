-- Adds to what was counted. Rows are taken in order, so that processes which count at once do not
-- wait for one another in a circle.
INSERT INTO refusals AS known (problem, number)
SELECT * FROM unnest(%(problems)s::text[], %(numbers)s::bigint[]) AS counted (problem, number) ORDER BY problem
ON CONFLICT (problem) DO UPDATE SET number = known.number + excluded.number
