"""Reads log lines that are no JSON: what a line says goes beside the line itself."""
