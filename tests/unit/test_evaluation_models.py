"""Evaluations of the shipped adapters on the embedded bases: words and pictures as on air."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from livehost.training.evaluation import EvaluationFailed, evaluate_adapter, read_evaluation
from services.avatar.looks import builtin_look
from services.lora import read_card
from services.training.held_out import sample_digest
from services.training.picture_distance import features, picture_distance, posed_like, spread
from services.training.samples import Sample, write_samples
from services.training.visual_evaluate import Pictured, Shown
from services.vision.template import read_template
from tests.conftest import ROOT

SAMPLES = [
    Sample(id="price", kind="answer", question="多少钱", core="到手价是79元", target="来啦，到手价是79元哦。"),
    Sample(
        id="ship", kind="answer", question="包邮吗", core="这款包邮，48小时内发货",
        target="宝子们，这款包邮哦，48小时内发货呀。",
    ),
    Sample(
        id="return", kind="answer", question="能退吗", core="这款支持7天无理由退货", target="看到啦，这款支持7天无理由退货哦。"
    ),
    Sample(id="stock", kind="answer", question="还有货吗", core="库存还有120件", target="库存还有120件哦。"),
]  # fmt: skip


def _copy(kind: str, tmp_path: Path) -> Path:
    folder = tmp_path / "1"
    shutil.copytree(ROOT / "adapters" / "tang-morning" / kind / "1", folder)
    return folder


def test_a_language_adapter_is_judged_beside_its_bare_base(tmp_path: Path) -> None:
    folder, data = _copy("language", tmp_path), tmp_path / "held.jsonl"
    write_samples(data, SAMPLES)
    found = evaluate_adapter(folder, data)
    assert read_evaluation(folder) == found
    assert found.measures["facts_copied"] == found.bare["facts_copied"] == 1
    assert found.measures["compliant"] == 1
    assert found.measures["perplexity"] < found.bare["perplexity"]
    assert found.measures["style_distance"] < found.bare["style_distance"]
    assert [row.id for row in found.rows] == [one.id for one in SAMPLES]
    assert "79元" in found.rows[0].said and "79元" in found.rows[0].bare
    card = read_card(folder)
    assert card.evaluation["perplexity"] == found.measures["perplexity"]
    assert card.evaluation["bare_perplexity"] == found.bare["perplexity"]
    assert card.sha256 == found.adapter_sha256 and card.base.sha256 == found.base_sha256
    assert {path.name for path in folder.iterdir()} == {
        "adapter.safetensors", "adapter.yaml", "evaluation.json",
    }  # fmt: skip


def test_rows_of_the_training_and_other_bases_are_refused(tmp_path: Path) -> None:
    folder, data = _copy("language", tmp_path), tmp_path / "held.jsonl"
    write_samples(data, SAMPLES)
    with pytest.raises(EvaluationFailed, match=r"config\.json"):
        evaluate_adapter(folder, data, base=tmp_path)
    (folder / "training.json").write_text(f'{{"seen": ["{sample_digest(SAMPLES[2])}"]}}', encoding="utf-8")
    with pytest.raises(EvaluationFailed, match="return"):
        evaluate_adapter(folder, data)
    assert not (folder / "evaluation.json").exists()
    data.write_text("{}\n", encoding="utf-8")
    with pytest.raises(EvaluationFailed, match=r"held\.jsonl:1"):
        evaluate_adapter(folder, data)
    with pytest.raises(EvaluationFailed, match=r"adapter\.yaml"):
        evaluate_adapter(tmp_path, data)


def _pictures(data: Path) -> Path:
    data.mkdir()
    look = read_template(builtin_look("morning")).flat
    own = cv2.resize(look, (144, 256), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(data / "a.png"), (own[..., ::-1] * 255).astype(np.uint8))
    with (data / "metadata.csv").open("w", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "text"), ("a.png", "主播棠晨，直播画面")])
    return data


def test_a_sheet_that_the_disk_does_not_take_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data = _copy("visual", tmp_path), _pictures(tmp_path / "held")
    blank = np.zeros((160, 90, 3), np.float32)
    shown = Shown({"face": 1.0}, {"face": 1.0}, (), (blank, blank, blank))
    painted = Pictured("a" * 64, "b" * 64, "embedded", "float32", (shown,))
    monkeypatch.setattr("services.training.visual_evaluate.picture", lambda *_a, **_k: painted)
    (folder / "evaluation.jpg").mkdir()
    with pytest.raises(EvaluationFailed, match=r"evaluation\.jpg 写不了.*Is a directory"):
        evaluate_adapter(folder, data)
    assert not list(folder.glob(".evaluation*")) and not (folder / "evaluation.json").exists()


def test_a_visual_adapter_is_judged_by_the_personas_pictures(tmp_path: Path) -> None:
    folder, data = _copy("visual", tmp_path), _pictures(tmp_path / "held")
    out = tmp_path / "kept" / "new.json"
    before = (folder / "adapter.yaml").read_bytes()
    found = evaluate_adapter(folder, data, out=out)
    assert found.measures["geometry_kept"] == 1
    assert {"colour_distance", "picture_distance", "diversity", "effect"} <= set(found.measures)
    assert 0 < found.measures["colour_distance"] < 25 and found.measures["effect"] > 1
    assert (out.parent / "new.jpg").stat().st_size > 1000
    assert (folder / "adapter.yaml").read_bytes() == before and not (folder / "evaluation.json").exists()


def test_a_picture_is_known_by_its_pose_and_far_from_another() -> None:
    names = ("morning", "evening", "tangzhuang")
    looks = [read_template(builtin_look(name)) for name in names]
    plates = [cv2.resize(one.flat, (144, 256), interpolation=cv2.INTER_AREA) for one in looks]
    assert [posed_like(1 - plate * 0.6, looks) for plate in plates] == [0, 1, 2]  # whatever its colours are
    noise = np.random.default_rng(0).random((256, 144, 3)).astype(np.float32)
    assert posed_like(noise, looks) is None
    seen = [features(plate) for plate in plates]
    assert picture_distance(seen[0], [seen[0]]) < 0.01 < picture_distance(seen[0], [seen[1]])
    assert picture_distance(features(noise), seen) > picture_distance(seen[0], [seen[1]])
    assert spread(np.stack([plates[0], plates[0]])) == 0 < spread(np.stack(plates))
