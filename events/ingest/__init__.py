"""Taking in log files: records out of bytes, submissions out of records, batches into the ledger.

It must never alter a record: the payload is the record itself.
"""
