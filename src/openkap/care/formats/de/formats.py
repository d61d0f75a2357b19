"""As in English: the month as a word cannot be misread."""

from openkap.care.formats.en.formats import *  # noqa: F403
