"""The pages of verifications and their records."""
