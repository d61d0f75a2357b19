"""Many patients at once: cohorts, measures, models, and the benchmark against the evidence."""
