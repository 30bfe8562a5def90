"""The watch: looks at the ledger again and again, writes what it finds into the ledger, and tells
people. It must never mend or fill anything."""
