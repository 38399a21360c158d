"""A database from a seed and a config: its tables, what caused what, and the same with one cause changed."""

import networkx as nx

from plurel import Choices, Config, DatabaseParams, SyntheticDataset

config = Config(
    database_params=DatabaseParams(
        num_tables_choices=Choices(kind="range", value=[3, 5]),
        num_rows_entity_table_choices=Choices(kind="range", value=[100, 200]),
        num_rows_activity_table_choices=Choices(kind="range", value=[300, 500]),
    )
)
dataset = SyntheticDataset(seed=0, config=config)
database = dataset.make_db()
for name, table in database.table_dict.items():
    keys = ", ".join(f"{column} -> {parent}" for column, parent in table.fkey_col_to_pkey_table.items())
    print(f"{name}: {len(table.df)} rows, {table.df.shape[1]} columns; {keys or 'no foreign keys'}")

graph = dataset.causal_graph
across = [edge for edge in graph.edges if edge.through]
print(f"{len(graph.nodes)} causal nodes, {len(graph.edges)} edges, {len(across)} of them across foreign keys")

network = graph.to_networkx()
shown = {node.id: (node.table, node.column) for node in graph.nodes if node.column}
kept = [node for node, (table, column) in shown.items() if column in database.table_dict[table].df]
cause = max(kept, key=lambda node: len(nx.descendants(network, node)))
column = ".".join(shown[cause])
held = dataset.intervene(column, 1.0)
changed = [
    f"{name}.{feature}"
    for name, table in database.table_dict.items()
    for feature in table.df.columns
    if not table.df[feature].equals(held.table_dict[name].df[feature])
]
print(f"do({column} = 1) changes {len(changed)} columns: {', '.join(changed)}")
