"""A course as it goes: its rules, its therapy visits, what is due, and giving up."""
