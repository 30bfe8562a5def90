-- The events to write when the present halt is cleared, oldest first, as JSON.
SELECT waiting_records()::text
