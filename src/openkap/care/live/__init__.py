"""The live session: one page for the hour in the chair, on every tablet at once, with or without network."""
