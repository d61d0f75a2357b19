"""Who the patients are: identity apart from the clinical pseudonym, contacts, care team, merge."""
