"""Ingestion of log files: splits bytes into records, maps records to submissions, writes batches.

Invariant: the payload of an event is the record itself, unaltered.
"""
