-- Warnings of the last hour and the last day, counted no further than `most`.
SELECT (SELECT count(*) FROM (SELECT FROM clock_drift_warnings
        WHERE logged_at >= now() - interval '1 hour' LIMIT %(most)s) hour),
       (SELECT count(*) FROM (SELECT FROM clock_drift_warnings
        WHERE logged_at >= now() - interval '1 day' LIMIT %(most)s) day)
