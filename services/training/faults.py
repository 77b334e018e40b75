"""What ends a training run, or the making of its data. Every message says the cause and the mend, in Chinese and then in English.

TrainingFailed          the root: a run that cannot go on, or whose adapter is not worth keeping
├── NotFinite           a loss or a gradient is NaN or Inf
├── OutOfMemory         the device or the machine has no memory left
├── DiskFull            something could not be written
├── FolderTaken         another run, or a finished adapter, has the folder
├── CannotResume        the run's folder holds another recipe's or a damaged run
├── CannotStart         `init_from` does not fit this run
├── AdapterRefused      the adapter that came out must not be used
├── AlbumProblems       (services.training.album) pictures or captions cannot be used; holds every problem
├── NoDetector          (services.training.picture_checks) the model that counts faces cannot be used
├── TrainingStopped     (services.training.vision_base) the shipped base's run stopped itself
└── AdapterUseless      (services.training.visual_adapter) an adapter on the shipped base is without its effect
Interrupted             not a failure: stopped by the person; it is saved and can go on
"""

from __future__ import annotations


class TrainingFailed(Exception):
    """A run that cannot go on; the message says why and what to change."""

    def __init__(self, cause: str, mend: str = "") -> None:
        self.cause, self.mend = cause, mend
        super().__init__(f"{cause}\n→ {mend}" if mend else cause)


class NotFinite(TrainingFailed):
    """A loss or a gradient is NaN or Inf."""


class OutOfMemory(TrainingFailed):
    """The device or the machine has no memory left."""


class DiskFull(TrainingFailed):
    """Something could not be written; nothing half-written was left."""


class FolderTaken(TrainingFailed):
    """Another run, or a finished adapter, has the folder."""


class CannotResume(TrainingFailed):
    """The run's folder holds another recipe's run, or a damaged one."""


class CannotStart(TrainingFailed):
    """`init_from` does not fit this run."""


class AdapterRefused(TrainingFailed):
    """The adapter that came out must not be used; `reasons` has a sentence for each cause."""

    def __init__(self, reasons: tuple[str, ...], mend: str = "") -> None:
        self.reasons = reasons
        super().__init__("\n".join(reasons), mend)


class Interrupted(Exception):
    """The person stopped the run; the message says how to go on."""
