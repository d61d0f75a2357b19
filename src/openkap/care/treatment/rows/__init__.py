"""The rows of a session: stamped, locked and corrected alike, and read as the protocol's facts."""
