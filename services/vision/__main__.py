"""The vision engine's process: `python -m services.vision SETTINGS.json`."""

from __future__ import annotations

import sys

from services.engine import run
from services.vision.engine import VisionEngine

if __name__ == "__main__":
    sys.exit(run(VisionEngine))
