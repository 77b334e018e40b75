"""What can go wrong with what is kept.

StoreError
├── AlreadyThere        the id is taken
├── NotStored           there is nothing of that id
├── VersionConflict     somebody else changed it since it was read (If-Match)
├── TransitionRefused   a question may not go from its state to the wished one
├── StoreUnavailable    it cannot be reached now (retryable)
└── SchemaTooNew        the data was written by a newer livehost
"""

from __future__ import annotations


class StoreError(Exception):
    """Something could not be kept or read."""

    retryable = False


class AlreadyThere(StoreError):
    """The id is taken; choose another or change the one there."""


class NotStored(StoreError):
    """There is nothing of that id."""


class VersionConflict(StoreError):
    """It was changed since it was read; read it again and repeat the change."""

    def __init__(self, what: str, *, wanted: int, current: int) -> None:
        super().__init__(f"{what} is at version {current}, not {wanted}: read it again, then change it")
        self.wanted = wanted
        self.current = current


class TransitionRefused(StoreError):
    """A question may not go from its state to the wished one."""


class StoreUnavailable(StoreError):
    """The store cannot be reached or written now; try again."""

    retryable = True


class SchemaTooNew(StoreError):
    """The data was written by a newer livehost: run that version, or give another place."""
