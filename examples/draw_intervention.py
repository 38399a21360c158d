"""One intervention down a causal graph, as a picture: `python draw_intervention.py [OUT.png]`."""

import sys
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
from matplotlib.figure import Figure

from plurel import Choices, Config, DatabaseParams, SCMParams, SyntheticDataset

INK, PALE, HELD, CHANGED = "#333333", "#c9ced6", "#d1602a", "#1f5fa8"

config = Config(
    database_params=DatabaseParams(
        num_tables_choices=3,
        table_layout_choices="reverse_random_tree",
        num_cols_choices=4,
        num_rows_entity_table_choices=600,
        num_rows_activity_table_choices=2000,
        col_transform_choices="identity",
        column_nan_perc_choices=0.0,
    ),
    scm_params=SCMParams(
        scm_layout_choices="random_tree",
        col_stype_choices="numerical",
        scm_col_node_perc_choices=0.9,
        mechanism_choices=Choices(kind="set", value=["linear", {"name": "trees", "depth": 4}, "mlp"]),
    ),
)
dataset = SyntheticDataset(seed=4, config=config)
graph, before = dataset.causal_graph, dataset.make_db().table_dict
held = max(graph.columns, key=lambda name: len(graph.effects(name)))
value = float(np.quantile(before[held.partition(".")[0]].df[held.partition(".")[2]], 0.99))
after = dataset.intervene(held, value).table_dict


def cells(database, column):
    """A column's cells as numbers."""
    table, _, name = column.partition(".")
    return database[table].df[name].to_numpy(dtype=float)


def moved(column):
    """How far the cells of a column move on the average, in its standard deviations."""
    old = cells(before, column)
    return float(np.abs(cells(after, column) - old).mean() / (old.std() or 1.0))


shift = {column: moved(column) for column in graph.columns}
print(f"do({held} = {value:.2f})")
for column in graph.effects(held):
    print(f"{column} moves by {shift[column]:.2f} standard deviations")


def layers(table):
    """The nodes of a table, causes above their effects."""
    inside = [edge for edge in graph.single if edge.target.startswith(f"{table}/")]
    own = nx.DiGraph((edge.source, edge.target) for edge in inside)
    own.add_nodes_from(node.id for node in graph.nodes if node.table == table)
    return list(nx.topological_generations(own))


tables = [table.name for table in dataset.schema.parents_first()]
places = {}
for left, table in enumerate(tables):
    rows = layers(table)
    for depth, row in enumerate(rows):
        for place, node in enumerate(sorted(row, key=lambda one: int(one.rpartition("/")[2]))):
            places[node] = (left + 0.2 + 0.65 * (place + 0.5) / len(row), -(depth + 0.5) / len(rows))
reached = {graph.columns[held].id} | nx.descendants(graph.to_networkx(), graph.columns[held].id)

figure = Figure(figsize=(12, 9), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[2.6, 1])
axes = top.subplots()
axes.set_axis_off()
axes.set_xlim(-0.05, len(tables))
axes.set_ylim(-1.02, 0.12)


def arrow(start, end, *, lit, head=True, width=1.4):
    """A line from a cause to an effect; lit where the intervention runs along it."""
    style = {"arrowstyle": "-|>" if head else "-", "color": CHANGED if lit else PALE, "linewidth": width}
    style |= {"shrinkA": 6, "shrinkB": 8 if head else 0, "alpha": 1.0 if head else 0.45}
    axes.annotate("", xy=end, xytext=start, arrowprops=style, zorder=1)


for edge in graph.single:
    arrow(places[edge.source], places[edge.target], lit=edge.source in reached)
for number, bundle in enumerate(graph.bundles):
    child = bundle.targets[0].partition("/")[0]
    hub = (tables.index(child) + 0.06, -0.3 - 0.25 * (number % 2))
    lit = bool(reached & set(bundle.sources))
    for source in bundle.sources:
        arrow(places[source], hub, lit=source in reached, head=False, width=0.9)
    for target in bundle.targets:
        arrow(hub, places[target], lit=lit, head=False, width=0.9)
    axes.scatter(*hub, marker="D", s=55, color="white", edgecolor=CHANGED if lit else INK, zorder=3)
    axes.text(hub[0], hub[1] + 0.03, bundle.through, ha="center", color=INK, fontsize=8)
for node in graph.nodes:
    x, y = places[node.id]
    mechanism = node.mechanism.partition(":")[2]
    if node.column is None:
        axes.scatter(
            [x], [y], s=16, color="white", edgecolor=CHANGED if node.id in reached else INK, zorder=3
        )
        continue
    strength = 1.0 if node.shows == held else min(shift[node.shows], 1.0)
    axes.scatter([x], [y], s=210, color="white", edgecolor=INK, zorder=3)
    color = HELD if node.shows == held else CHANGED
    axes.scatter([x], [y], s=210, color=color, alpha=strength, linewidth=0, zorder=4)
    axes.text(x + 0.035, y, f"{node.column}\n{mechanism}", va="center", color=INK, fontsize=8, zorder=5)
for left, table in enumerate(tables):
    axes.text(left + 0.52, 0.03, table, ha="center", color=INK, fontsize=12, weight="bold")
top.suptitle(f"do({held} = {value:.2f}): the same noise, other values downstream", color=INK)
words = (
    "orange: held; blue: the further its cells move, the deeper; small: hidden nodes; diamonds: foreign keys"
)
axes.text(len(tables) / 2, 0.09, words, ha="center", color=INK, fontsize=9)

most = [
    max((one for one in graph.effects(held) if one.startswith(f"{table}.")), key=shift.get)
    for table in tables
]
for panel, column in zip(bottom.subplots(1, len(most)), most, strict=True):
    old, new = cells(before, column), cells(after, column)
    bins = np.linspace(*np.quantile(np.concatenate([old, new]), [0.005, 0.995]), 40)
    panel.hist(old, bins, color=PALE, label="as generated")
    panel.hist(
        new, bins, histtype="step", color=CHANGED, linewidth=1.5, label=f"do({held.partition('.')[2]})"
    )
    panel.set_title(column, color=INK, fontsize=10)
    panel.set_yticks([])
    panel.spines[["top", "left", "right"]].set_visible(False)
    panel.legend(frameon=False, fontsize=8)

out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir()) / "intervention.png"
figure.savefig(out, dpi=110)
print(f"drawn: {out}")
