"""The course of sessions and therapy, doses, vitals and adverse events."""
