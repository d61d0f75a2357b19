"""Messages to people outside the pages: a stored outbox and channels; never health data."""
