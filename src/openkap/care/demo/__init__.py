"""One synthetic clinic for the demo, the tests and the screenshots."""
