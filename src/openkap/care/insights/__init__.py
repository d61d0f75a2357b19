"""Aggregates, dashboards and the benchmark, for the lead."""
