"""Staff, their roles and rights, second factor, quick re-entry, break-the-glass, credentials."""
