"""Before the dose: its gates, who may give it, and the release."""
