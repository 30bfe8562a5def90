"""The database's guards: expected state, actual state, and deviations. Nothing is restored: whoever
disabled a guard must be found first."""
