"""The published prior as configs: release 1.1 of PluRel, and the release that its paper used.

Source: Kothapalli et al., PluRel (arXiv 2602.04029, ICML 2026), and its released packages. The numbers of
release 1.1 are the defaults of plurel's parameter classes. Defects of the releases are no part of a preset.
"""

from __future__ import annotations

from typing import Any

from plurel.config import Config

PAPER_LAYOUTS = (
    {"name": "erdos_renyi", "directions": 1, "redrawn": True},
    "barabasi_albert",
    "random_tree",
    "reverse_random_tree",
    "layered",
)
PAPER_ACTIVATIONS = ("relu", "elu", "selu", "silu", "softsign", "tanh")
PAPER_NOISES = ((0.5, 0.5), (2.0, 2.0), (2.0, 3.0), (2.0, 4.0), (4.0, 1.0))
"""Parameters of the paper's Beta noises."""


def plurel_1_1() -> Config:
    """Presets `plurel-1.1` and `default`: what `Config()` is."""
    return Config()


def plurel_paper() -> Config:
    """Preset `plurel-paper`: bare networks of two layers, series as sources, sums, eager tables."""
    bare = {"log_scale": 0.0, "clipped": False}
    return Config.from_dict(
        {
            "database_params": {
                "col_transform_choices": "identity",
                "table_model_choices": {"name": "scm", **bare},
            },
            "scm_params": {
                "scm_layout_choices": _set(*PAPER_LAYOUTS),
                "activation_choices": _set(*PAPER_ACTIVATIONS),
                "noise_choices": _set(
                    *({"name": "beta", "alpha": alpha, "beta": beta} for alpha, beta in PAPER_NOISES)
                ),
                "mechanism_choices": {"name": "mlp", **bare},
                "mlp_num_layers_choices": 2,
                "mlp_weight_density_choices": 1.0,
                "propagation_agg_choices": "sum",
                "propagation_mode_choices": "type_eager",
                "source_gen_type_choices": "ts",
                "ts_ar_rho_choices": 0.0,
                "ts_value_scale_choices": 1.0,
            },
            "dag_params": {"edge_weight_dist_choices": "gaussian"},
        }
    )


def _set(*values: Any) -> dict[str, Any]:
    return {"kind": "set", "value": list(values)}
