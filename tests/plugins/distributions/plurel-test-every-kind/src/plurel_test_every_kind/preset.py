"""The config that uses everything of this distribution."""

from __future__ import annotations

from plurel.config import Choices, Config, DatabaseParams, SCMParams


def every_kind() -> Config:
    """Four small tables on a chain."""
    return Config(
        database_params=DatabaseParams(
            table_layout_choices="Chain",
            num_tables_choices=4,
            num_cols_choices=4,
            num_rows_entity_table_choices=120,
            num_rows_activity_table_choices=300,
            link_choices=Choices("set", [{"name": "popular", "exponent": 0.5}]),
            timeline_choices="plurel-test-every-kind:uniform",
            table_model_choices=Choices("set", ["scm", "mixture"]),
            column_type_choices=Choices("set", ["rating", "number", "boolean"]),
            col_transform_choices="arctan",
            task_choices="last_number",
        ),
        scm_params=SCMParams(
            scm_layout_choices=Choices("set", [{"name": "chain", "jumps": 0.5}]),
            mechanism_choices=Choices("set", ["weighted", "mlp"]),
            activation_choices=Choices("set", ["bump", "tanh"]),
            propagation_agg_choices="mean",
            initialization_choices="rademacher",
            noise_choices=Choices("set", [{"name": "laplace", "scale": 0.25}]),
            source_gen_type_choices="sawtooth",
        ),
    )
