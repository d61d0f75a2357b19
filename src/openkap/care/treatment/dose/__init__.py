"""The dose: proposed, ordered, given, and what was doubted or corrected of it."""
