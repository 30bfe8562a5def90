"""The whole ledger against a model of it, step by step: writers, people, faults and attackers."""
