"""The watch: examines the ledger periodically, records its findings in the ledger, and sends
alerts. It repairs nothing."""
