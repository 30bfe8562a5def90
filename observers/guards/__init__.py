"""The database's guards: what they should be, what they are, and where the two differ. They must
never put one back: who switched it off must be found first."""
