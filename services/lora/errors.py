"""What a bank refuses to do.

BankError
├── NotResident    an adapter is asked for that is in no slot: stage and fill it first
├── NoFreeSlot     every slot is pinned or in flight: unpin, or give the bank more slots
├── Quarantined    an adapter is asked for that was quarantined
├── LayoutMismatch a packed adapter was staged for another bank
├── RowsMismatch   a batch's size does not fit its binding
├── BindingEnded   a forward runs after its `with bank.rows(…)` ended
└── BankBusy       the bank is to be detached, or bound twice, while a forward uses it
"""

from __future__ import annotations


class BankError(Exception):
    """A bank refuses; the message says why, and the mend."""


class NotResident(BankError):
    """An adapter is asked for that is in no slot."""


class NoFreeSlot(BankError):
    """Every slot is pinned or in flight."""


class Quarantined(BankError):
    """An adapter is asked for that was quarantined."""


class LayoutMismatch(BankError):
    """A packed adapter was staged for another bank."""


class RowsMismatch(BankError):
    """A batch's size does not fit its binding."""


class BindingEnded(BankError):
    """A forward runs after its `with bank.rows(…)` ended."""


class BankBusy(BankError):
    """The bank is to be detached, or bound twice, while a forward uses it."""
