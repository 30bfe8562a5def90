"""A Django app with a model for each of the peers that keep a history of models."""
