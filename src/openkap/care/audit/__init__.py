"""Who saw or did what, when and why: append-only rows in a hash chain."""
