"""The computable guideline: facts in, a verdict with reasons, sources and what is missing out."""
