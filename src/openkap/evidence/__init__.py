"""Meta-analysis, and the evidence base for ketamine in PTSD."""
