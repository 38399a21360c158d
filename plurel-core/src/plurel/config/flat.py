"""Where the reference's flat parameters go: into which parameters of which built-in contribution.

A flat parameter is the default of what it names: a config that gives the contribution's own parameter wins.
Other distributions' contributions take their parameters by name only. Not here: looking names up.
"""

from __future__ import annotations

from collections.abc import Mapping

_BETA_SOURCE = {"alpha": "source_beta_alpha_choices", "beta": "source_beta_beta_choices"}
_VALUE_SCALE = {"value_scale": "ts_value_scale_choices"}

FLAT: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("layouts", "plurel-layouts:erdos_renyi"): {"p": "er_p_choices"},
    ("layouts", "plurel-layouts:barabasi_albert"): {
        "m": "ba_m",
        "sink_edge_dropout": "ba_sink_edge_dropout",
        "flip_leaf_edge_prob": "ba_flip_leaf_edge_prob",
        "max_in_degree": "ba_max_in_degree",
    },
    ("layouts", "plurel-layouts:watts_strogatz"): {"rewire_p": "ws_rewire_p_choices"},
    ("layouts", "plurel-layouts:layered"): {
        "depth": "layered_depth_choices",
        "edge_dropout": "layered_edge_dropout_p",
    },
    ("links", "plurel-scm:hierarchical_blocks"): {
        "levels": "bi_hsbm_levels_choices",
        "clusters_per_level": "bi_hsbm_clusters_per_level_choices",
    },
    ("table_models", "plurel-scm:scm"): {
        "dim": "mlp_emb_dim",
        "num_layers": "mlp_num_layers_choices",
        "weight_density": "mlp_weight_density_choices",
    },
    ("mechanisms", "plurel-scm:mlp"): {
        "hidden": "mlp_emb_dim",
        "num_layers": "mlp_num_layers_choices",
        "weight_density": "mlp_weight_density_choices",
    },
    ("noises", "plurel-scm:beta"): {
        "alpha": "node_noise_alpha_choices",
        "beta": "node_noise_beta_choices",
    },
    ("sources", "plurel-scm:ts"): {
        "trend_alpha": "ts_trend_alpha_choices",
        "activity_trend_scale": "activity_table_ts_trend_scale_choices",
        "entity_trend_scale": "entity_table_ts_trend_scale",
        "cycle_freq_perc": "ts_cycle_freq_perc_choices",
        "activity_cycle_scale": "activity_table_ts_cycle_scale_choices",
        "entity_cycle_scale": "entity_table_ts_cycle_scale",
        "activity_noise_scale": "activity_table_ts_noise_scale",
        "entity_noise_scale": "entity_table_ts_noise_scale",
        "ar_rho": "ts_ar_rho_choices",
        **_VALUE_SCALE,
    },
    ("sources", "plurel-scm:uniform"): _VALUE_SCALE,
    ("sources", "plurel-scm:gaussian"): _VALUE_SCALE,
    ("sources", "plurel-scm:beta"): {**_BETA_SOURCE, **_VALUE_SCALE},
    ("sources", "plurel-scm:mixed"): {**_BETA_SOURCE, **_VALUE_SCALE},
}
"""By kind and canonical name: the contribution's parameter and the flat parameter that is its default."""
