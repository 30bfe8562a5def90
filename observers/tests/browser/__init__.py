"""The pages in a real browser. Skipped, with the reason, where there is none."""
