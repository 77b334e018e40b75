"""The review that every spoken and shown line passes."""

from livehost.compliance.review import review
from livehost.compliance.types import Hit, Review, Verdict

__all__ = ["Hit", "Review", "Verdict", "review"]
