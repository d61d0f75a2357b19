"""The living report: numbers first, then marks, then a page that needs nothing but itself."""
