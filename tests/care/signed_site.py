"""A site's own file with one limit that the protocols leave open."""

SIGNED = """site: Harbour Clinic
limits:
  - rule: VIT-10
    limit: 92 %
    reason: the figure of our sedation policy
    signed_by: [{name: A. Moreau, role: medical lead, on: 2026-11-20}]
"""
