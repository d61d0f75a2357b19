"""What is observed in a session: readings, alerts and adverse events."""
