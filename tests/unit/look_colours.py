"""What tells two looks apart: the colour of each region."""

from __future__ import annotations

from services.vision.colour import middle, to_lab
from services.vision.template import Template


def region_colours(template: Template) -> dict[str, tuple[float, float, float]]:
    """The middle colour (Lab) of each region of a look as it is seen."""
    lab = to_lab(template.flat)
    return {
        name: (float(c[0]), float(c[1]), float(c[2]))
        for name, seen in template.regions.items()
        for c in (middle(lab[::2, ::2], seen[::2, ::2]),)
    }
