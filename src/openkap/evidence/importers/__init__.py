"""Readers of the forms that evidence arrives in; each names the row or field it cannot use."""
