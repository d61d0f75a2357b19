"""Screening, eligibility, consent and its withdrawal."""
