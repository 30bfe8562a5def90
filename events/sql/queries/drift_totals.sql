SELECT count(*) FILTER (WHERE logged_at >= now() - interval '1 hour'), count(*)
FROM clock_drift_warnings WHERE logged_at >= now() - interval '1 day'
