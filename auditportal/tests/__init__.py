"""Tests of the site. Each portal gets a temporary home folder."""
