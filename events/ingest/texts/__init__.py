"""Reads log formats that are not JSON; parsed fields are added beside the raw line."""
