"""Mechanism `trees`: an ensemble of oblivious trees and noise.

An oblivious tree asks the same question at all nodes of a level, so that its leaves are numbered by the
answers (Kohavi, 1994). A question compares a number with a threshold, one of the values in a sample of rows,
or a label with a label. Every input is asked about before one is asked about again; of the parent rows'
columns, as many as there are inputs are. A category takes the label whose sum over the trees is greatest. Not
here: the noise's distribution (the run's choice).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from plurel.config import Choices, Draws
from plurel_scm import _kernel
from plurel_scm.labels import labels_of
from plurel_scm.scores import default_noise_scale, noise_shape, outputs_of, settle

if TYPE_CHECKING:
    from plurel.plugins.protocols import ForeignRows
    from plurel.plugins.requests import MechanismRequest, NodeInput
    from plurel.seeding import Stream

F32: TypeAlias = NDArray[np.float32]

MOST_TREES, MOST_DEPTH = 64, 10


@frozen
class Question:
    """What a level asks.

    Attributes:
        feature: number of the feature that it looks at, in the order of `TreesNode.features`.
        value: the threshold that a number lies above, or the label that a label is.
        label: whether the feature is a category.
    """

    feature: int
    value: float
    label: bool

    def ask(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """The answers of `[rows]` values; no to what is missing."""
        answers: NDArray[np.bool_] = (
            values == int(self.value) if self.label else values > np.float32(self.value)
        )
        return answers


@frozen(eq=False)
class Tree:
    """One oblivious tree.

    Attributes:
        questions: one a level.
        leaves: what the tree adds to the sums, `[2 ** levels, outputs]`.
    """

    questions: tuple[Question, ...]
    leaves: F32

    def add(self, features: Sequence[NDArray[Any]], sums: F32) -> None:
        """Add the leaves of rows with the given features to `[rows, outputs]`."""
        leaf = np.zeros(len(sums), dtype=np.int64)
        for level, question in enumerate(self.questions):
            leaf |= question.ask(features[question.feature]).astype(np.int64) << level
        sums += self.leaves[leaf]


@frozen(kw_only=True, eq=False)
class TreesNode:
    """One node's function.

    Attributes:
        trees: the trees.
        foreign: which columns of the parent rows follow the inputs as features.
        outputs: number of sums.
        category: whether the node is a category.
        noise_scale: deviation of the noise.
    """

    trees: tuple[Tree, ...]
    foreign: tuple[int, ...]
    outputs: int
    category: bool
    noise_scale: np.float32

    @property
    def noise_shape(self) -> tuple[int, ...]:
        """One number a sum."""
        return noise_shape(self.outputs, category=self.category)

    def compute(
        self, inputs: Sequence[NDArray[Any]], foreign: ForeignRows | None, noise: F32
    ) -> NDArray[Any]:
        """Values of a block, `[rows]` f32 or int64 labels."""
        beside = [foreign.values(place) for place in self.foreign] if foreign is not None else []
        sums = np.zeros((len(noise), self.outputs), dtype=np.float32)
        for tree in self.trees:
            tree.add([*inputs, *beside], sums)
        return settle(sums, noise, self.noise_scale, category=self.category)


@frozen(kw_only=True)
class Trees:
    """Parameters of `trees`, and the mechanism itself.

    Attributes:
        count: number of trees.
        depth: levels of a tree.
        noise_scale: deviation of the noise, where the trees give a deviation of about 1.
    """

    count: Choices = field(
        factory=lambda: Choices(kind="range", value=[1, 8]), validator=Draws(1, MOST_TREES, integers=True)
    )
    depth: Choices = field(
        factory=lambda: Choices(kind="range", value=[2, 6]), validator=Draws(1, MOST_DEPTH, integers=True)
    )
    noise_scale: Choices = field(factory=default_noise_scale, validator=Draws(0))

    def plan(self, request: MechanismRequest) -> TreesNode:
        """Draw a node's features, trees and leaves."""
        stream, sample = request.stream, request.sample()
        own, beside = len(request.inputs), len(request.foreign)
        chosen = _kernel.permutation((stream / "foreign").key, 0, beside)[:own]
        foreign = tuple(sorted(chosen.tolist()))
        features = [*request.inputs, *(request.foreign[place] for place in foreign)]
        shown = [
            *(sample.inputs or [np.empty(0)] * own),
            *(sample.foreign[place] if sample.foreign else np.empty(0) for place in foreign),
        ]
        depths = [
            int(depth)
            for depth in self.depth.draw_many(int(self.count.draw(stream / "count")), stream / "depths")
        ]
        outputs = outputs_of(request)
        asked = _in_turn(sum(depths), len(features), stream / "features")
        trees = []
        for number, depth in enumerate(depths):
            questions = tuple(
                _question(feature, features[feature], shown[feature], stream / "question" / number / level)
                for level, feature in enumerate(asked[:depth])
            )
            del asked[:depth]
            leaves = _kernel.normal((stream / "leaves" / number).key, 0, outputs << depth)
            trees.append(
                Tree(questions, (leaves / np.sqrt(len(depths))).astype(np.float32).reshape(-1, outputs))
            )
        return TreesNode(
            trees=tuple(trees),
            foreign=foreign,
            outputs=outputs,
            category=request.output == "category",
            noise_scale=np.float32(self.noise_scale.draw(stream / "noise scale")),
        )


def _in_turn(count: int, features: int, stream: Stream) -> list[int]:
    """`count` numbers of features: all of them in a random order, then all in another one, and so on."""
    rounds = -(-count // features)
    orders = [_kernel.permutation(stream.key, number, features) for number in range(rounds)]
    return [int(feature) for feature in np.concatenate(orders)[:count]]


def _question(number: int, feature: NodeInput, sample: NDArray[Any], stream: Stream) -> Question:
    """A question about a feature; thresholds are normal draws where there is no sample."""
    if feature.kind == "category":
        (label,) = _kernel.below(stream.key, 0, 1, labels_of(feature.categories))
        return Question(number, float(label), label=True)
    known = sample[np.isfinite(sample)]
    if not len(known):
        return Question(number, float(_kernel.normal(stream.key, 0, 1)[0]), label=False)
    return Question(number, float(known[_kernel.below(stream.key, 0, 1, len(known))[0]]), label=False)
