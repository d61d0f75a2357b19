"""From a protocol to dates that fit: planning a course, moving it, and who is needed when."""
