SELECT set_drift_threshold(%(seconds)s)
