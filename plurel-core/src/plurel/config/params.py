"""The parameters of a run in the reference's flat spellings: `DatabaseParams`, `SCMParams`, `DAGParams`.

Defaults are the preset `default`: the published numbers of PluRel (arXiv 2602.04029), release 1.1. Every
field's validator says what it may hold (`plurel.config.bounds`). Not here: what a name stands for
(`plurel.config.resolution`).
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs import Attribute, field, frozen, validators

from plurel.config.bounds import Chooses, Day, Draws, DrawsWords, OneOf, Within, single
from plurel.config.choices import Choices, as_choices, unstructure
from plurel.config.plain import is_finite
from plurel.config.problems import PairError, known_keywords
from plurel.errors import ConfigError

MOST_TABLES = 10_000
MOST_COLUMNS = 10_000
MOST_ROWS = (1 << 31) - 1
MOST_LABELS = 65_536
MOST_LEVELS = 64
MOST_CLUSTERS = 1024
MOST_LAYERS = 256
MOST_WIDTH = 4096
LEAST_DENSITY = 0.01
"""Sizes beyond which a config is a mistake: work on it would end for want of memory or never."""


def contributions(*names: str, kind: str) -> Any:
    """A field that chooses among contributions of a kind: by default these, equally likely, or open."""
    check = Chooses(kind)
    if not names:
        to_choices = attrs.Converter(_as_optional_choices, takes_field=True)
        return field(default=None, converter=to_choices, validator=validators.optional(check))
    to_choices = attrs.Converter(_as_choices, takes_field=True)
    return field(default=Choices("set", names), converter=to_choices, validator=check)


def kinds_of(params: type[attrs.AttrsInstance]) -> dict[str, str]:
    """The fields of a class that choose contributions, with their kinds."""
    return {
        item.name: check.contributions
        for item in attrs.fields(params)
        for check in single(item.validator)
        if isinstance(check, Chooses)
    }


def _choices(kind: str, *value: Any, within: Draws | None = None) -> Any:
    """A field that is drawn from numbers."""
    return field(
        default=Choices(kind, value),
        converter=attrs.Converter(_as_choices, takes_field=True),
        validator=within or Draws(),
    )


def _words(*words: str) -> Any:
    """A field that is drawn from words, by default from all that there are."""
    return field(
        default=Choices("set", words),
        converter=attrs.Converter(_as_choices, takes_field=True),
        validator=DrawsWords(words),
    )


def _number(default: float, low: float | None = None, high: float | None = None) -> Any:
    """A field that is a number within bounds, both included."""
    return field(default=default, converter=_as_float, validator=Within(low, high))


def _integer(default: int | None, most: int | None = None) -> Any:
    """A field that is an integer from 1 upwards; None is one where it is the default."""
    check = Within(1, most, integers=True)
    return field(
        default=default,
        converter=unstructure,
        validator=validators.optional(check) if default is None else check,
    )


def _as_choices(value: Any, attribute: Attribute[Any]) -> Choices:
    try:
        return as_choices(value)
    except ConfigError as error:
        raise error.within(f".{attribute.name}") from None


def _as_optional_choices(value: Any, attribute: Attribute[Any]) -> Choices | None:
    return None if value is None else _as_choices(value, attribute)


def _as_float(value: Any) -> Any:
    """A finite number as a float; anything else as it is, for the validator to refuse."""
    value = unstructure(value)
    return float(value) if is_finite(value) else value


@known_keywords
@frozen(kw_only=True)
class DatabaseParams:
    """Tables, their sizes and columns, and what happens to columns after generation.

    Attributes:
        table_layout_choices: graph of the tables; an edge parent -> child is a foreign key of the child.
        num_tables_choices: number of tables.
        num_rows_entity_table_choices: rows of a table that others point at.
        num_rows_activity_table_choices: rows of a table that nobody points at.
        num_cols_choices: feature columns of a table.
        min_timestamp: first day that a database's period may have.
        max_timestamp: last day that it may have.
        column_nan_perc_choices: share of missing cells, drawn once a table.
        col_transform_choices: transform of each float column.
        table_model_choices: what makes a table's values.
        link_choices: what makes a foreign key's links.
        timeline_choices: what makes a table's event times.
        task_choices: what proposes tasks; every one of the set is asked.
        column_type_choices: types that columns are drawn as; None leaves that to the table model.
        value_generator_choices: surface values of columns; None leaves numbers and labels as they are.
        category_collapse: `boolean` makes categories of integer labels boolean (label > 0), as the preset
            does; `none` keeps them.
    """

    table_layout_choices: Choices = contributions(
        "barabasi_albert", "reverse_random_tree", "watts_strogatz", kind="layouts"
    )
    num_tables_choices: Choices = _choices("range", 3, 20, within=Draws(1, MOST_TABLES, integers=True))
    num_rows_entity_table_choices: Choices = _choices(
        "range", 500, 1000, within=Draws(1, MOST_ROWS, integers=True)
    )
    num_rows_activity_table_choices: Choices = _choices(
        "range", 2000, 5000, within=Draws(1, MOST_ROWS, integers=True)
    )
    num_cols_choices: Choices = _choices("zipf_range", 3, 40, within=Draws(0, MOST_COLUMNS, integers=True))
    min_timestamp: str = field(default="1990-01-01", converter=unstructure, validator=Day())
    max_timestamp: str = field(default="2024-12-31", converter=unstructure, validator=Day())
    column_nan_perc_choices: Choices = _choices("range", 0.01, 0.1, within=Draws(0, 1))
    col_transform_choices: Choices = contributions(
        "identity", "rank_uniform", "log", "sqrt", "standardize", kind="transforms"
    )
    table_model_choices: Choices = contributions("scm", kind="table_models")
    link_choices: Choices = contributions("hierarchical_blocks", kind="links")
    timeline_choices: Choices = contributions("even", kind="timelines")
    task_choices: Choices = contributions("autocomplete", kind="tasks")
    column_type_choices: Choices | None = contributions(kind="column_types")
    value_generator_choices: Choices | None = contributions(kind="value_generators")
    category_collapse: str = field(default="boolean", validator=OneOf(("boolean", "none")))

    @max_timestamp.validator
    def _check_period(self, _: Attribute[str], value: str) -> None:
        if value <= self.min_timestamp:
            raise PairError(
                f"this is a day after min_timestamp {self.min_timestamp}, got {value}", ".max_timestamp"
            )


@known_keywords
@frozen(kw_only=True)
class SCMParams:
    """The structural causal model of a table.

    Attributes:
        scm_layout_choices: graph of the causal nodes.
        scm_col_node_perc_choices: feature columns per causal node, roughly.
        num_categories_choices: labels of a category.
        col_stype_choices: kind of a column or hidden node: `categorical` or `numerical`.
        initialization_choices: weights of matrices and embeddings.
        activation_choices: activation of a hidden layer.
        node_noise_alpha_choices: first shape of a node's Beta noise.
        node_noise_beta_choices: second shape of it.
        bi_hsbm_levels_choices: levels of the block model of links.
        bi_hsbm_clusters_per_level_choices: clusters a side and level.
        ts_trend_alpha_choices: exponent of a series' trend.
        activity_table_ts_trend_scale_choices: scale of the trend in activity tables.
        entity_table_ts_trend_scale: scale of the trend in entity tables.
        ts_cycle_freq_perc_choices: length of a cycle as a share of the rows.
        activity_table_ts_cycle_scale_choices: scale of the cycle in activity tables.
        entity_table_ts_cycle_scale: scale of the cycle in entity tables.
        activity_table_ts_noise_scale: standard deviation of a series' innovations in activity tables.
        entity_table_ts_noise_scale: that of the innovations in entity tables.
        ts_ar_rho_choices: autocorrelation of a series' noise.
        ts_value_scale_choices: scale of a source's bounds.
        propagation_agg_choices: what joins a node's inputs.
        mlp_in_dim: width of a number; 1 is what exists.
        mlp_out_dim: width of a decoded number; 1 is what exists.
        mlp_emb_dim: width of an encoding.
        mlp_num_layers_choices: weight matrices of an MLP.
        mlp_weight_density_choices: share of a matrix's weights that are kept.
        source_gen_type_choices: series of a node without inputs.
        source_beta_alpha_choices: first shape of a beta source.
        source_beta_beta_choices: second shape of it.
        propagation_mode_choices: how a table's nodes are typed: `type_eager`, each as its column;
            `type_lazy`, all as numbers, which are cut into labels afterwards.
        cat_label_permute_prob_choices: chance that a lazily cut column's labels are permuted.
        cat_label_reverse_prob_choices: chance that such labels are reversed.
        propagate_batch_size: accepted, and ignored with a warning by `resolve`: blocks have one size.
        noise_choices: exogenous noise of a node.
        mechanism_choices: function of a node.
    """

    scm_layout_choices: Choices = contributions(
        "erdos_renyi",
        "barabasi_albert",
        "random_tree",
        "reverse_random_tree",
        "watts_strogatz",
        "layered",
        "random_cauchy",
        kind="layouts",
    )
    scm_col_node_perc_choices: Choices = _choices("range", 0.3, 0.9, within=Draws(LEAST_DENSITY))
    num_categories_choices: Choices = _choices("range", 2, 10, within=Draws(1, MOST_LABELS, integers=True))
    col_stype_choices: Choices = _words("categorical", "numerical")
    initialization_choices: Choices = contributions(
        "kaiming_normal",
        "kaiming_uniform",
        "xavier_normal",
        "xavier_uniform",
        "truncated_normal",
        "sparse",
        kind="initializers",
    )
    activation_choices: Choices = contributions(
        "relu",
        "elu",
        "selu",
        "silu",
        "softsign",
        "tanh",
        "sigmoid",
        "hardswish",
        "mish",
        "leaky_relu",
        "gelu",
        "softplus",
        "hardsigmoid",
        "hardtanh",
        "celu",
        "tanhshrink",
        "rrelu",
        "logsigmoid",
        "softshrink",
        "hardshrink",
        "identity",
        "abs",
        "sin",
        "cos",
        "sign",
        "clamp",
        "signed_log1p",
        "bent_identity",
        "random_sines",
        kind="activations",
    )
    node_noise_alpha_choices: Choices = _choices("range", 0.5, 5.0, within=Draws(0, above=True))
    node_noise_beta_choices: Choices = _choices("range", 0.5, 5.0, within=Draws(0, above=True))
    bi_hsbm_levels_choices: Choices = _choices("range", 1, 5, within=Draws(0, MOST_LEVELS, integers=True))
    bi_hsbm_clusters_per_level_choices: Choices = _choices(
        "range", 1, 3, within=Draws(1, MOST_CLUSTERS, integers=True)
    )
    ts_trend_alpha_choices: Choices = _choices("range", 0.0, 2.0, within=Draws(0))
    activity_table_ts_trend_scale_choices: Choices = _choices("set", -1.0, 1.0)
    entity_table_ts_trend_scale: float = _number(0.0)
    ts_cycle_freq_perc_choices: Choices = _choices(
        "set", 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, within=Draws(0, above=True)
    )
    activity_table_ts_cycle_scale_choices: Choices = _choices("set", -1.0, 1.0)
    entity_table_ts_cycle_scale: float = _number(0.0)
    activity_table_ts_noise_scale: float = _number(0.05, low=0)
    entity_table_ts_noise_scale: float = _number(1.0, low=0)
    ts_ar_rho_choices: Choices = _choices("range", 0.0, 0.9, within=Draws(-1, 1, above=True, below=True))
    ts_value_scale_choices: Choices = _choices("set", 0.01, 0.1, 1.0, 10.0, 100.0, within=Draws(0))
    propagation_agg_choices: Choices = contributions(
        "sum", "max", "product", "logsumexp", kind="aggregations"
    )
    mlp_in_dim: int = _integer(1)
    mlp_out_dim: int = _integer(1)
    mlp_emb_dim: int = _integer(32, MOST_WIDTH)
    mlp_num_layers_choices: Choices = _choices("range", 2, 4, within=Draws(2, MOST_LAYERS, integers=True))
    mlp_weight_density_choices: Choices = _choices("range", 0.3, 1.0, within=Draws(0, 1, above=True))
    source_gen_type_choices: Choices = contributions(
        "ts", "uniform", "gaussian", "beta", "mixed", kind="sources"
    )
    source_beta_alpha_choices: Choices = _choices("range", 0.5, 5.0, within=Draws(0, above=True))
    source_beta_beta_choices: Choices = _choices("range", 0.5, 5.0, within=Draws(0, above=True))
    propagation_mode_choices: Choices = _words("type_eager", "type_lazy")
    cat_label_permute_prob_choices: Choices = _choices("range", 0.3, 1.0, within=Draws(0, 1))
    cat_label_reverse_prob_choices: Choices = _choices("range", 0.2, 0.8, within=Draws(0, 1))
    propagate_batch_size: int | None = _integer(None)
    noise_choices: Choices = contributions("beta", kind="noises")
    mechanism_choices: Choices = contributions("mlp", kind="mechanisms")


@known_keywords
@frozen(kw_only=True)
class DAGParams:
    """Parameters of the layouts, and the weights of a graph's edges.

    Attributes:
        ba_sink_edge_dropout: chance that a BarabasiAlbert sink with several parents loses one.
        ba_flip_leaf_edge_prob: chance that a leaf's edge is turned round.
        ba_max_in_degree: most parents that a node keeps.
        ba_m: parents of a new node.
        er_p_choices: edge probability of ErdosRenyi.
        ws_rewire_p_choices: rewiring probability of WattsStrogatz.
        layered_depth_choices: number of layers.
        layered_edge_dropout_p: chance that an edge between layers is dropped.
        edge_weight_dist_choices: family of a causal graph's edge weights: `gaussian` N(0, 1), `lognormal`
            (0, 1), `cauchy` (0, 1) or `uniform` U(-2, 2).
    """

    ba_sink_edge_dropout: float = _number(0.4, low=0, high=1)
    ba_flip_leaf_edge_prob: float = _number(0.0, low=0, high=1)
    ba_m: int = _integer(2)
    ba_max_in_degree: int = _integer(4)
    er_p_choices: Choices = _choices("range", 0.3, 0.8, within=Draws(0, 1))
    ws_rewire_p_choices: Choices = _choices("range", 0.1, 0.3, within=Draws(0, 1))
    layered_depth_choices: Choices = _choices("range", 2, 8, within=Draws(2, integers=True))
    layered_edge_dropout_p: float = _number(0.1, low=0, high=1)
    edge_weight_dist_choices: Choices = _words("gaussian", "lognormal", "cauchy", "uniform")

    @ba_max_in_degree.validator
    def _check_in_degree(self, _: Attribute[int], value: int) -> None:
        if value < self.ba_m:
            raise PairError(f"this is at least ba_m {self.ba_m}, got {value}", ".ba_max_in_degree")
