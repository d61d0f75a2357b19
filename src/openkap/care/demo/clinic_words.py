"""What the demo's clinic says in its own words beside the shipped consent text: all of it invented."""

from __future__ import annotations

WORDS = {
    "CON-01": (
        "We use racemic ketamine. We give it slowly into a vein in your arm.\n"
        "A nurse is with you all the time. We do not use esketamine."
    ),
    "CON-13": "Call 555 0100 by day. At night and on weekends call 555 0111. Someone will pick up.",
    "CON-19": (
        "The team here sees your record. Your insurer sees the dates and the bill, not what you tell us.\n"
        "Ask Sia at the front desk who has looked. You can also ask on 555 0122.\n"
        "To complain, write to the Harbour Patient Board. It is not part of this clinic."
    ),
    "CON-20": (
        "A session costs 480 dollars. A therapy visit costs 120 dollars.\n"
        "If you cancel a day before, it costs nothing. If you do not come, you pay 60 dollars.\n"
        "Most plans pay for the therapy and not for the drug. We help you ask yours.\n"
        "The clinic earns from each session. No one here is paid by a drug firm."
    ),
    "CON-23": "Call 555 0100 by day and 555 0111 at night. In danger, call 911 first.",
}
