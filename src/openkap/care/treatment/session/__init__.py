"""The session as a whole: its page, its closing, and its record as data and on paper."""
