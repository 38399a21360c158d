"""The numbers of the published prior (PluRel 1.1): what the defaults say, and that draws follow them."""

from __future__ import annotations

from collections import Counter

import attrs
import numpy as np
import pytest
from scipy import stats

from plurel.config import Choices, Config
from plurel.seeding import Stream

DRAWS = 4000

PUBLISHED = {
    "database_params": {
        "table_layout_choices": ("set", "barabasi_albert", "reverse_random_tree", "watts_strogatz"),
        "num_tables_choices": ("range", 3, 20),
        "num_rows_entity_table_choices": ("range", 500, 1000),
        "num_rows_activity_table_choices": ("range", 2000, 5000),
        "num_cols_choices": ("zipf_range", 3, 40),
        "column_nan_perc_choices": ("range", 0.01, 0.1),
        "col_transform_choices": ("set", "identity", "rank_uniform", "log", "sqrt", "standardize"),
        "min_timestamp": "1990-01-01",
        "max_timestamp": "2024-12-31",
        "category_collapse": "boolean",
    },
    "scm_params": {
        "scm_layout_choices": (
            *("set", "erdos_renyi", "barabasi_albert", "random_tree", "reverse_random_tree"),
            *("watts_strogatz", "layered", "random_cauchy"),
        ),
        "scm_col_node_perc_choices": ("range", 0.3, 0.9),
        "num_categories_choices": ("range", 2, 10),
        "col_stype_choices": ("set", "categorical", "numerical"),
        "initialization_choices": (
            *("set", "kaiming_normal", "kaiming_uniform", "xavier_normal", "xavier_uniform"),
            *("truncated_normal", "sparse"),
        ),
        "activation_choices": (
            *("set", "relu", "elu", "selu", "silu", "softsign", "tanh", "sigmoid", "hardswish", "mish"),
            *("leaky_relu", "gelu", "softplus", "hardsigmoid", "hardtanh", "celu", "tanhshrink", "rrelu"),
            *("logsigmoid", "softshrink", "hardshrink", "identity", "abs", "sin", "cos", "sign", "clamp"),
            *("signed_log1p", "bent_identity", "random_sines"),
        ),
        "node_noise_alpha_choices": ("range", 0.5, 5.0),
        "node_noise_beta_choices": ("range", 0.5, 5.0),
        "bi_hsbm_levels_choices": ("range", 1, 5),
        "bi_hsbm_clusters_per_level_choices": ("range", 1, 3),
        "ts_trend_alpha_choices": ("range", 0.0, 2.0),
        "activity_table_ts_trend_scale_choices": ("set", -1.0, 1.0),
        "entity_table_ts_trend_scale": 0.0,
        "ts_cycle_freq_perc_choices": ("set", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
        "activity_table_ts_cycle_scale_choices": ("set", -1.0, 1.0),
        "entity_table_ts_cycle_scale": 0.0,
        "activity_table_ts_noise_scale": 0.05,
        "entity_table_ts_noise_scale": 1.0,
        "ts_ar_rho_choices": ("range", 0.0, 0.9),
        "ts_value_scale_choices": ("set", 0.01, 0.1, 1.0, 10.0, 100.0),
        "propagation_agg_choices": ("set", "sum", "max", "product", "logsumexp"),
        "mlp_in_dim": 1,
        "mlp_out_dim": 1,
        "mlp_emb_dim": 32,
        "mlp_num_layers_choices": ("range", 2, 4),
        "mlp_weight_density_choices": ("range", 0.3, 1.0),
        "source_gen_type_choices": ("set", "ts", "uniform", "gaussian", "beta", "mixed"),
        "source_beta_alpha_choices": ("range", 0.5, 5.0),
        "source_beta_beta_choices": ("range", 0.5, 5.0),
        "propagation_mode_choices": ("set", "type_eager", "type_lazy"),
        "cat_label_permute_prob_choices": ("range", 0.3, 1.0),
        "cat_label_reverse_prob_choices": ("range", 0.2, 0.8),
        "noise_choices": ("set", "beta"),
        "mechanism_choices": ("set", "mlp"),
    },
    "dag_params": {
        "ba_sink_edge_dropout": 0.4,
        "ba_flip_leaf_edge_prob": 0.0,
        "ba_m": 2,
        "ba_max_in_degree": 4,
        "er_p_choices": ("range", 0.3, 0.8),
        "ws_rewire_p_choices": ("range", 0.1, 0.3),
        "layered_depth_choices": ("range", 2, 8),
        "layered_edge_dropout_p": 0.1,
        "edge_weight_dist_choices": ("set", "gaussian", "lognormal", "cauchy", "uniform"),
    },
}

OURS = {
    *("table_model_choices", "link_choices", "timeline_choices", "task_choices"),
    *("column_type_choices", "value_generator_choices", "propagate_batch_size"),
}
"""Fields that the published release does not have, or whose value changes nothing."""

CHOICES = {
    f"{part}.{name}": Choices(value[0], value[1:])
    for part, fields in PUBLISHED.items()
    for name, value in fields.items()
    if isinstance(value, tuple) and len(value) > 2
}


@pytest.mark.parametrize("part", PUBLISHED)
def test_the_defaults_are_the_published_numbers(part):
    params = getattr(Config(), part)
    stated = {
        item.name: (value.kind, *value.value) if isinstance(value, Choices) else value
        for item in attrs.fields(type(params))
        if item.name not in OURS
        for value in [getattr(params, item.name)]
    }
    assert stated == PUBLISHED[part]
    weighted = [value for value in attrs.astuple(params, recurse=False) if isinstance(value, Choices)]
    assert all(choices.weights is None for choices in weighted)


def test_the_splits_are_the_published_ones():
    assert (Config().val_split, Config().test_split) == (0.8, 0.9)


@pytest.mark.parametrize("name", CHOICES)
def test_draws_follow_the_published_choice(name):
    choices = CHOICES[name]
    drawn = choices.draw_many(DRAWS, Stream(11) / name)
    low, high = choices.value[0], choices.value[-1]
    if choices.kind == "range" and isinstance(low, float):
        assert stats.kstest(drawn, stats.uniform(low, high - low).cdf).pvalue > 1e-3
        return
    if choices.kind == "set":
        shares = dict.fromkeys(choices.value, 1.0)
    elif choices.kind == "range":
        shares = dict.fromkeys(range(low, high + 1), 1.0)
    else:
        shares = {k: 1 / k for k in range(low, high + 1)}
    counts = Counter(drawn)
    assert set(counts) <= set(shares)
    expected = np.array(list(shares.values())) / sum(shares.values()) * DRAWS
    observed = np.array([counts[value] for value in shares])
    if len(expected) > 100:  # rows: too many values for their counts, so tenths of the range
        expected, observed = (
            np.array([part.sum() for part in np.array_split(one, 10)]) for one in (expected, observed)
        )
    assert stats.chisquare(observed, expected).pvalue > 1e-3
