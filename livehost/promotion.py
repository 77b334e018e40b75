"""Promoting, rolling back and retiring a persona's adapters: what may be done, and doing it.

A version is promoted when it is sound, its consent covers today, and its evaluation is whole and no worse than
that of its parent and of the version that is promoted now, on the same rows. Where nothing is promoted it
must be no worse than the bare base besides: a parent that never was on air says nothing for it. What is promoted then comes on through staging, as every adapter does: a
running show looks at the pointer (`promoted.py`) each second.

PromotionRefused    it is not done; `problems` has a sentence for each reason, with its mend
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from livehost.library import Kind, Library, Shelved, adapter_id
from livehost.promoted import (
    PROMOTED,
    Deed,
    PointerBusy,
    PointerUnreadable,
    Promotion,
    Retirement,
    changing,
    moved,
    read_promotion,
    read_retirement,
    this_moment,
    write_promotion,
    write_retirement,
)
from livehost.settings import Settings

if TYPE_CHECKING:
    from livehost.training.evaluation import Evaluation

Verify = Callable[[Shelved], list[str]]
"""Everything that is wrong with an adapter; empty where it is sound."""


class PromotionRefused(Exception):
    """A version is not promoted, rolled back to or retired; `problems` says every reason."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class RolledBack:
    """What a rollback came to: the pointer now, and the earlier versions that could not be used, with why."""

    promotion: Promotion
    passed_over: Mapping[str, tuple[str, ...]]


def promote(
    library: Library,
    shelved: Shelved,
    *,
    by: str,
    verify: Verify,
    without_evaluation: str = "",
    options: str = "",
) -> Promotion:
    """Make a version the promoted one of its persona and kind; the one before can be rolled back to.

    `without_evaluation` is why none is asked for; it is kept with the deed. `options` are those that the
    commands in a refusal need besides, such as `--config my/room.yaml`. A version that is promoted already
    stays so, and nothing is written.

    Raises:
        PromotionRefused: with every reason.
    """
    with _held(library, shelved.persona, shelved.kind) as (place, old):
        problems = verify(shelved)
        if old is not None and old.version == shelved.version and not problems:
            return old
        if not without_evaluation and shelved.card is not None:
            problems = [*problems, *evaluation_problems(library, shelved, old, options)]
        if problems or shelved.card is None:
            raise PromotionRefused(*problems)
        deed = Deed(
            action="promote", version=shelved.version, sha256=shelved.card.sha256, at=this_moment(), by=by,
            why=without_evaluation and f"without an evaluation: {without_evaluation}",
        )  # fmt: skip
        before = () if old is None else (*old.before, old.version)
        new = moved(old, deed, before)
        write_promotion(place, new)
    return new


def rollback(library: Library, persona: str, kind: Kind, *, by: str, verify: Verify) -> RolledBack:
    """Go back to the newest version before the promoted one that may be on air.

    Earlier ones that cannot be used (retired, consent over, files gone) are passed over and named.

    Raises:
        PromotionRefused: nothing is promoted, or no earlier version can be used.
    """
    name = f"{persona}.{kind}"
    with _held(library, persona, kind) as (place, old):
        if old is None or not old.before:
            raise PromotionRefused(
                f"{name} 没有更早的版本可以回退；用 promote 换一个版本 / "
                f"{name} has no version before to go back to; promote another one"
            )
        passed_over: dict[str, tuple[str, ...]] = {}
        for index in range(len(old.before) - 1, -1, -1):
            version = old.before[index]
            if version == old.version or version in passed_over:
                continue
            shelved = library.find(persona, kind, version)
            problems = verify(shelved)
            if not problems and shelved.card is not None:
                break
            passed_over[version] = tuple(problems)
        else:
            told = (f"{adapter_id(persona, kind, v)}: {'; '.join(why)}" for v, why in passed_over.items())
            raise PromotionRefused(
                f"{name} 更早的版本都不能用，没有回退 / no version before can be used, nothing was changed",
                *told,
            )
        deed = Deed(
            action="rollback", version=version, sha256=shelved.card.sha256, at=this_moment(), by=by,
            why=f"back from {old.version}",
        )  # fmt: skip
        new = moved(old, deed, old.before[:index])
        write_promotion(place, new)
    return RolledBack(new, passed_over)


def retire(
    library: Library, shelved: Shelved, *, by: str, why: str = "", used: Mapping[str, str] | None = None
) -> Retirement:
    """Take a version out of use; it is marked, not deleted. One that is retired already stays so.

    `used` says by adapter id where a version is named or worn: that one cannot be retired.

    Raises:
        PromotionRefused: it is promoted or in use, or is not there.
    """
    if shelved.gone or not shelved.folder.is_dir():
        raise PromotionRefused(*shelved.errors)
    with _held(library, shelved.persona, shelved.kind) as (_, promotion):
        if promotion is not None and promotion.version == shelved.version:
            raise PromotionRefused(
                f"{shelved.id} 是正式版，不能停用；先 promote 另一个版本或 rollback / "
                f"{shelved.id} is the promoted version; promote another one or roll back first"
            )
        if where := (used or {}).get(shelved.id):
            raise PromotionRefused(
                f"{shelved.id} 还在用（{where}），不能停用；先换成别的版本 / "
                f"{shelved.id} is in use ({where}); name another version there first"
            )
        try:
            if (known := read_retirement(shelved.folder)) is not None:
                return known
        except PointerUnreadable as error:
            raise PromotionRefused(str(error)) from error
        retirement = Retirement(at=this_moment(), by=by, why=why)
        write_retirement(shelved.folder, retirement)
    return retirement


def named_in(settings: Settings) -> dict[str, str]:
    """The adapters that a configuration names by their version, and the key that names each."""
    named: dict[str, str] = {}
    for persona in settings.personas:
        for kind, version in persona.adapters.named():
            named[adapter_id(persona.id, kind, version)] = f"personas.{persona.id}.adapters.{kind}"
    for room in settings.rooms:
        for slot in room.slots:
            for kind, version in slot.adapters.named() if slot.adapters and slot.persona else ():
                where = f"rooms.{room.id}.slots.{slot.id}.adapters.{kind}"
                named[adapter_id(str(slot.persona), kind, version)] = where
    return {name: where for name, where in named.items() if not name.endswith(f".{PROMOTED}")}


def evaluation_problems(
    library: Library, shelved: Shelved, promotion: Promotion | None, options: str = ""
) -> list[str]:
    """Why an adapter's evaluation does not let it take the promoted version's place; empty where it does."""
    from livehost.training.evaluation import worse

    new = _evaluation(shelved, options=options)
    if isinstance(new, str):
        return [new]
    problems: list[str] = []
    rivals = list(_rivals(library, shelved, promotion))
    for rival in rivals:
        old = _evaluation(rival, like=new, options=options)
        problems += [old] if isinstance(old, str) else [f"{rival.id}: {one}" for one in worse(new, old)]
    if promotion is None or all(rival.version != promotion.version for rival in rivals):
        problems += [f"基座 / the bare base: {one}" for one in worse(new, bare(new))]
    if problems and "faithful" in new.measures and not new.settings.get("style"):
        known = options if "--config" in options else f"{options} --config CONFIG".strip()
        problems.append(
            f"{shelved.id} 的评估不知道她的说法，她自己的开场语都算错；若因忠实率被拒，先运行 / her style was not known to "
            f"the evaluation, so that her own phrases count as faults; where faithful fell, run: "
            f"livehost adapters evaluate {shelved.id} --data {new.data} {known}"
        )
    return problems


def evaluated(shelved: Shelved) -> tuple[Evaluation | None, bool]:
    """An adapter's evaluation as it lies there, and whether it is of other weights than those there now."""
    from livehost.training.evaluation import EvaluationFailed, read_evaluation

    if shelved.card is None:
        return None, False
    try:
        found = read_evaluation(shelved.folder)
    except EvaluationFailed:
        return None, False
    return found, found is not None and found.adapter_sha256 != shelved.card.sha256


def bare(evaluation: Evaluation) -> Evaluation:
    """The bare base's evaluation on the same rows, which an adapter's own one holds."""
    rows = tuple(
        row.model_copy(update={"said": row.bare, "marks": row.bare_marks}) for row in evaluation.rows
    )
    return evaluation.model_copy(update={"measures": evaluation.bare, "rows": rows})


def _rivals(library: Library, shelved: Shelved, promotion: Promotion | None) -> Iterator[Shelved]:
    """The versions that a new one is held against: its parent and the promoted one, while they are there."""
    parent = shelved.card.parent if shelved.card is not None else None
    names = (parent, promotion.version if promotion is not None else None)
    for version in dict.fromkeys(names):
        if version is None or version == shelved.version:
            continue
        rival = library.find(shelved.persona, shelved.kind, version)
        if rival.card is not None:
            yield rival


def _evaluation(shelved: Shelved, *, like: Evaluation | None = None, options: str = "") -> Evaluation | str:
    """The evaluation of an adapter as it lies there (on the rows of `like`), or why there is none."""
    from livehost.training.evaluation import EvaluationFailed, read_evaluation, unsound

    assert shelved.card is not None
    config = like.settings.get("config") if like is not None else None
    if config and "--config" not in options:
        options = f"{options} --config {config}".strip()
    mend = f"livehost adapters evaluate {shelved.id} --data {like.data if like else 'HELD-OUT'} {options}".rstrip()
    try:
        found = read_evaluation(shelved.folder)
    except EvaluationFailed as error:
        return "; ".join(error.problems)
    if found is None:
        return f"{shelved.id} 还没有评估，先运行 / has no evaluation; run: {mend}"
    if found.adapter_sha256 != shelved.card.sha256:
        return f"{shelved.id} 的评估是别的权重的，重新运行 / its evaluation is of other weights; run: {mend}"
    if found.kind != shelved.kind:
        return f"{shelved.id} 的评估是别的种类的，重新运行 / its evaluation is of another kind; run: {mend}"
    if faults := unsound(found):
        return (
            f"{shelved.id} 的评估不完整（{faults[0]}），重新运行 / its evaluation is not whole; run: {mend}"
        )
    if like is not None and found.data_sha256 != like.data_sha256:
        return f"{shelved.id} 是用别的数据评估的，先运行 / was evaluated on other rows; run: {mend}"
    return found


@contextmanager
def _held(library: Library, persona: str, kind: Kind) -> Iterator[tuple[Path, Promotion | None]]:
    """The pointer's folder, held against others, and the pointer as it is.

    Raises:
        PromotionRefused: it cannot be held, read or written.
    """
    name = f"{persona}.{kind}"
    if library.folder is None:
        raise PromotionRefused("没有设置适配器库 / no adapter library is set; set `adapters`")
    place = library.folder / persona / kind
    try:
        with changing(place):
            yield place, read_promotion(place)
    except PointerBusy as error:
        raise PromotionRefused(
            f"别人正在改 {name} 的正式版，稍后看看再试 / somebody else changes the promoted version of "
            f"{name} at this moment; look at it and try again"
        ) from error
    except PointerUnreadable as error:
        raise PromotionRefused(str(error)) from error
    except FileNotFoundError as error:
        raise PromotionRefused(
            f"适配器库里没有 {name} / the library holds no {name}: {place}; add a version first"
        ) from error
    except OSError as error:
        raise PromotionRefused(
            f"写不了 {place}（{error.strerror}），检查权限和磁盘 / {place} cannot be written "
            f"({error.strerror}); mend its permissions or free disk space"
        ) from error
