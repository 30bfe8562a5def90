"""Management commands of the wiring. It must never hold a command about the ledger's content."""
