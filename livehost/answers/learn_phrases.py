"""`python -m livehost.answers.learn_phrases`: fits the models of `likely` and `properties`; needs scipy.

A row of `phrases.tsv` and `properties.tsv` is a label, a tab, and a line as viewers type it; `{P}` stands for a
product's name. `--hold WRITER.tsv` fits to all but the rows of that file and tells how many it gets right.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livehost.answers.clean import clean
from livehost.answers.likely import Model, features

HERE = Path(__file__).parent
LEAST = 3  # phrases that a feature must be in
SHRINK = 0.05  # of the squared weights in the loss, summed over phrases
STEPS = 80
Row = tuple[str, str]


def read(file: Path) -> list[Row]:
    """The labels and cleaned lines of a file of phrases."""
    told = [one.split("\t", 1) for one in file.read_text(encoding="utf-8").splitlines() if "\t" in one]
    return [(label, clean(text.replace("{P}", " "))) for label, text in told]


def fit(rows: Sequence[Row]) -> Model:
    """The model of the least regularised cross-entropy over the rows, by L-BFGS."""
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    found = [features(line, line) for _, line in rows]
    counts = Counter(name for one in found for name in one)
    columns = {name: at for at, name in enumerate(sorted(n for n, c in counts.items() if c >= LEAST))}
    labels = sorted({label for label, _ in rows})
    where, column, value = [], [], []
    for at, one in enumerate(found):
        known = {columns[name]: float(v) for name, v in one.items() if name in columns}
        size = float(np.sqrt(sum(v * v for v in known.values())))
        for of, v in known.items():
            where.append(at)
            column.append(of)
            value.append(v / size)
    x = csr_matrix((value, (where, column)), shape=(len(rows), len(columns)))
    y = np.array([labels.index(label) for label, _ in rows])
    shape = (len(columns), len(labels))

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = flat[: shape[0] * shape[1]].reshape(shape), flat[shape[0] * shape[1] :]
        logits = x @ weights + bias
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        shares /= shares.sum(axis=1, keepdims=True)
        at = np.arange(len(y))
        value = -np.log(shares[at, y] + 1e-12).sum() + SHRINK / 2 * (weights**2).sum()
        shares[at, y] -= 1
        return float(value), np.concatenate([(x.T @ shares + SHRINK * weights).ravel(), shares.sum(axis=0)])

    start = np.zeros(shape[0] * shape[1] + shape[1])
    flat = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    weights, bias = flat[: shape[0] * shape[1]].reshape(shape), flat[shape[0] * shape[1] :]
    return Model(tuple(labels), columns, weights.astype(np.float32), bias.astype(np.float32))


def write(model: Model, file: Path) -> None:
    """The model in fp16, as `likely` reads it."""
    names = sorted(model.columns, key=model.columns.__getitem__)
    np.savez_compressed(
        file, labels=np.array("\n".join(model.labels)), features=np.array("\n".join(names)),
        weights=model.weights.astype(np.float16), bias=model.bias.astype(np.float16),
    )  # fmt: skip


def right(model: Model, rows: Sequence[Row]) -> float:
    """The share of rows whose label is the model's likeliest."""
    told = [model.labels[int(model.shares(features(line, line)).argmax())] for _, line in rows]
    return sum(a == label for a, (label, _) in zip(told, rows, strict=True)) / len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fits the models of what a line most likely asks.")
    parser.add_argument("models", nargs="*", default=["phrases", "properties"], metavar="phrases|properties")
    parser.add_argument(
        "--hold", type=Path, action="append", default=[], help="phrases to hold out; nothing is written"
    )
    options = parser.parse_args()
    for name in options.models:
        rows = read(HERE / f"{name}.tsv")
        for file in options.hold:
            held = read(file)
            model = fit([row for row in rows if row not in set(held)])
            print(f"{name}, {file.name} held out: {right(model, held):.3f} of {len(held)}")
        if not options.hold:
            model = fit(rows)
            write(model, HERE / f"{name}.npz")
            shape = f"{len(rows)} phrases, {len(model.labels)} labels, {len(model.columns)} features"
            print(f"{name}: {shape}, {right(model, rows):.3f} right")


if __name__ == "__main__":
    main()
