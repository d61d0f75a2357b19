"""What the body does with the dose and back: exact kinetics, people, effects."""
