"""Tests of the wiring. They must never use the home folder of a real portal."""
