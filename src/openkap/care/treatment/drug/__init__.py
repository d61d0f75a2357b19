"""The controlled drug: its ledger, and what was drawn for a session."""
