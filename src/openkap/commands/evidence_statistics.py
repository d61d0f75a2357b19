"""The statistical verbs of ``openkap evidence``: a CSV file in, an answer with its doubts out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openkap.core.errors import InputError

if TYPE_CHECKING:
    from openkap.evidence.effect_size import EffectSize
    from openkap.evidence.table import Table

FILE = click.argument(
    "path", metavar="FILE.csv", type=click.Path(path_type=Path, dir_okay=False, exists=True)
)
JSON = click.option("--json", "as_json", is_flag=True, help="The answer as JSON.")
METHOD = click.option("--method", default="REML", show_default=True, help="DL HE HS SJ ML REML EB PM, or CE.")
TEST = click.option("--test", default="z", show_default=True, help="z, t, knha or adhoc.")
LEVEL = click.option("--level", default=0.95, show_default=True, help="Confidence level.")
MEASURE = click.option("--measure", help="Compute the effect from arms: MD, SMD, RR, OR or RD.")
ZERO_CELLS = click.option(
    "--zero-cells", help="With RR, OR or RD: only_zero (default), all, treatment_arm or none (refuse)."
)


def example(command: str, *rows: str) -> str:
    """The end of a help page: one call, and the first lines of a file that it reads (invented numbers)."""
    call = f"\b\nExample:\n  {command}"
    return call + (
        "\n\n\b\nThe file begins like this (invented numbers):\n" + "\n".join(f"  {row}" for row in rows)
        if rows
        else ""
    )


def answer(fit: Any, as_json: bool, lines: Callable[[], Sequence[str]], drop: Sequence[str] = ()) -> None:
    """Print a fit as JSON or as lines, its doubts last."""
    from openkap.evidence import as_json as plain

    if as_json:
        data = {name: value for name, value in plain(fit).items() if name not in drop}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
        return
    for line in lines():
        click.echo(line)
    for doubt in fit.warnings:
        click.echo(f"doubt: {doubt.text}")


def interval(estimate: float, low: float, high: float) -> str:
    """An estimate with its interval."""
    return f"{estimate:.4f} [{low:.4f}, {high:.4f}]"


def coefficients(fit: Any) -> list[str]:
    """One line for each coefficient."""
    return [
        f"{name:20} {interval(beta, low, high)}  se {se:.4f}  p {p:.4g}"
        for name, beta, low, high, se, p in zip(
            fit.names, fit.beta, fit.ci_low, fit.ci_high, fit.se, fit.p_values, strict=True
        )
    ]


def read(path: Path, measure: str | None, zero_cells: str | None = None) -> tuple[Table, EffectSize]:
    """The table with the estimate and variance of each row, and doubts about them."""
    from openkap.evidence.table import estimates_of, read_table

    table = read_table(path)
    return table, estimates_of(table, measure, zero_cells)


def doubted(fit: Any, effect: EffectSize) -> Any:
    """The fit, its estimates' own doubts first."""
    return replace(fit, warnings=(*effect.doubts, *fit.warnings))


def split(text: str) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


@click.command(
    epilog=example(
        "openkap evidence pool trials.csv --test knha",
        "study,yi,vi",
        "Smith 2019,0.42,0.031",
        "Lee 2021,0.10,0.022",
    )
)
@FILE
@METHOD
@TEST
@LEVEL
@MEASURE
@ZERO_CELLS
@JSON
def pool(
    path: Path,
    method: str,
    test: str,
    level: float,
    measure: str | None,
    zero_cells: str | None,
    as_json: bool,
) -> None:
    """Pool one estimate per study: columns yi and vi (or sei, or ci_low and ci_high), or two arms."""
    from openkap import evidence

    table, effect = read(path, measure, zero_cells)
    yi, vi = effect.yi, effect.vi
    fit = doubted(evidence.pool(yi, vi, method, test, level=level, labels=table.labels()), effect)

    def lines() -> list[str]:
        pooled = interval(fit.estimate, fit.ci_low, fit.ci_high)
        spread = f"tau2 {fit.tau2:.4f} (se {fit.tau2_se:.4f})  I2 {fit.i2:.1f}%  H2 {fit.h2:.2f}"
        return [
            f"{fit.k} studies, {fit.method}, {fit.test}, level {fit.level:g}",
            f"estimate    {pooled}  se {fit.se:.4f}  p {fit.p_value:.4g}",
            f"prediction  [{fit.prediction_low:.4f}, {fit.prediction_high:.4f}]",
            f"{spread}  Q {fit.q:.2f} (p {fit.q_p:.4g})",
        ]

    answer(fit, as_json, lines)


@click.command(
    epilog=example(
        "openkap evidence regress trials.csv --moderators dose,route",
        "study,yi,vi,dose,route",
        "Smith 2019,0.42,0.031,0.5,IV",
        "Lee 2021,0.10,0.022,0.2,IM",
    )
)
@FILE
@click.option("--moderators", required=True, help="Columns, separated by commas.")
@click.option("--cluster", help="Column for cluster-robust (CR2) errors.")
@METHOD
@TEST
@LEVEL
@MEASURE
@ZERO_CELLS
@JSON
def regress(
    path: Path,
    moderators: str,
    cluster: str | None,
    method: str,
    test: str,
    level: float,
    measure: str | None,
    zero_cells: str | None,
    as_json: bool,
) -> None:
    """Regress effects on moderators; text columns become one indicator for each level but the first."""
    from openkap import evidence

    table, effect = read(path, measure, zero_cells)
    yi, vi = effect.yi, effect.vi
    names, x = design(table, split(moderators))
    fit = evidence.meta_regression(
        yi, vi, x, method=method, test=test, level=level, names=names, labels=table.labels()
    )
    shown: Any = fit.robust("CR2", clusters=table.texts(cluster)) if cluster else fit

    def lines() -> list[str]:
        explained = "" if fit.r2 is None else f"  R2 {fit.r2:.1f}%"
        first = f"{fit.k} studies, {fit.method}, " + ("CR2" if cluster else fit.test)
        rows = coefficients(fit) if not cluster else robust_lines(fit.names, shown)
        last = f"QM {fit.qm:.3f} (p {fit.qm_p:.4g})  QE {fit.qe:.2f} (p {fit.qe_p:.4g})  tau2 {fit.tau2:.4f}"
        return [first, *rows, last + explained]

    answer(doubted(shown, effect), as_json, lines, drop=("design", "residual", "variances"))


def robust_lines(names: Sequence[str], fit: Any) -> list[str]:
    """One line for each coefficient with its own degrees of freedom."""
    return [
        f"{name:20} {interval(beta, low, high)}  se {se:.4f}  df {df:.1f}  p {p:.4g}"
        for name, beta, low, high, se, df, p in zip(
            names, fit.beta, fit.ci_low, fit.ci_high, fit.se, fit.df, fit.p_values, strict=True
        )
    ]


def is_number(text: str) -> bool:
    """Does the text spell a number?"""
    try:
        float(text)
    except ValueError:
        return False
    return True


def design(table: Table, moderators: Sequence[str]) -> tuple[list[str], Any]:
    """Columns of numbers as they are; columns of text as indicators against their first level."""
    import numpy as np

    names: list[str] = []
    columns = []
    for moderator in moderators:
        texts = table.texts(moderator)
        if len(set(texts)) == 1:
            raise InputError(
                "the moderator is the same in every row",
                value=f"{moderator} = {texts[0]}",
                where=table.path.name,
                remedy="leave it out: what does not vary explains nothing",
            )
        if any(is_number(text) for text in texts):
            # One word among numbers is a slip of the pen, not a third kind of study.
            columns.append(table.numbers(moderator).tolist())
            names.append(moderator)
            continue
        for option in sorted(set(texts))[1:]:
            columns.append([float(text == option) for text in texts])
            names.append(f"{moderator}={option}")
    return names, np.array(columns).T


@click.command(
    epilog=example(
        "openkap evidence multilevel effects.csv --robust",
        "study,effect,yi,vi",
        "Smith 2019,CAPS-5,0.42,0.031",
        "Smith 2019,PCL-5,0.37,0.034",
        "Lee 2021,PCL-5,0.10,0.022",
    )
)
@FILE
@click.option("--clusters", default="study,effect", show_default=True, help="Columns, outer first.")
@click.option("--moderators", help="Columns, separated by commas.")
@click.option("--rho", type=float, help="Assumed correlation of sampling errors within the outer cluster.")
@click.option("--robust", is_flag=True, help="Cluster-robust (CR2) errors.")
@click.option("--method", default="REML", show_default=True, help="REML or ML.")
@LEVEL
@MEASURE
@ZERO_CELLS
@JSON
def multilevel(
    path: Path,
    clusters: str,
    moderators: str | None,
    rho: float | None,
    robust: bool,
    method: str,
    level: float,
    measure: str | None,
    zero_cells: str | None,
    as_json: bool,
) -> None:
    """Pool dependent effects: several rows of one study, each its own effect. A missing inner column
    counts rows.
    """
    from openkap import evidence

    table, effect = read(path, measure, zero_cells)
    yi, vi = effect.yi, effect.vi
    outer, *inner = split(clusters)
    labels: list[Any] = [table.texts(outer)]
    for column in inner:
        labels.append(table.texts(column) if column in table.columns else table.lines)
    names, x = design(table, split(moderators)) if moderators else ([], None)
    covariance = None if rho is None else evidence.impute_covariance(vi, labels[0], rho)
    fit = evidence.multilevel(
        yi, vi, labels, x, V=covariance, method=method, level=level, names=("intercept", *names)
    )
    shown: Any = fit.robust("CR2") if robust else fit

    def lines() -> list[str]:
        levels = ", ".join(
            f"{name} {sigma2:.4f} (I2 {share:.1f}%)"
            for name, sigma2, share in zip(split(clusters), fit.sigma2, fit.i2, strict=True)
        )
        rows = robust_lines(fit.names, shown) if robust else coefficients(fit)
        return [f"{fit.k} effects in {fit.groups[0]} clusters, {fit.method}", *rows, f"sigma2: {levels}"]

    answer(doubted(shown, effect), as_json, lines, drop=("design", "residual", "blocks"))


@click.command(
    epilog=example(
        "openkap evidence network contrasts.csv --reference placebo --split",
        "study,treat1,treat2,te,se_te",
        "Smith 2019,ketamine,placebo,-0.42,0.18",
        "Lee 2021,midazolam,placebo,-0.10,0.15",
    )
)
@FILE
@click.option("--method", default="DL", show_default=True, help="DL, REML or ML.")
@click.option("--reference", help="The treatment the others are shown against.")
@click.option("--small-values", default="good", show_default=True, help="good or bad, for ranking.")
@click.option("--split", "show_split", is_flag=True, help="Direct against indirect evidence; Q by design.")
@LEVEL
@MEASURE
@JSON
def network(
    path: Path,
    method: str,
    reference: str | None,
    small_values: str,
    show_split: bool,
    level: float,
    measure: str | None,
    as_json: bool,
) -> None:
    """Network meta-analysis: study treat1 treat2 te se_te, or arms (study treatment mean sd n, or events
    n).
    """
    from openkap.evidence import decompose_designs, split_nodes
    from openkap.evidence.table import lines_of, read_table

    table = read_table(path)
    with lines_of(table):
        fit = fit_network_of(table, method, small_values, level, measure)
    base = reference or fit.treatments[0]
    fit.effect(base, base)

    def lines() -> list[str]:
        rows = [f"{fit.k} trials, {len(fit.treatments)} treatments, {fit.method}; effects against {base}"]
        i = fit.treatments.index(base)
        for j in sorted(range(len(fit.treatments)), key=lambda j: -fit.p_scores[fit.treatments[j]]):
            shown = interval(fit.te_random[j, i], fit.lower_random[j, i], fit.upper_random[j, i])
            rows.append(f"{fit.treatments[j]:20} {shown}  P-score {fit.p_scores[fit.treatments[j]]:.3f}")
        rows.append(f"tau2 {fit.tau2:.4f}  I2 {fit.i2:.1f}%  Q {fit.q:.2f} on {fit.df} (p {fit.q_p:.4g})")
        rows.append(
            f"between designs: Q {fit.q_inconsistency:.2f} on {fit.df_inconsistency}"
            f" (p {fit.q_inconsistency_p:.4g}); with tau2 {fit.tau2_within:.4f} within designs"
            f" Q {fit.q_inconsistency_random:.2f} (p {fit.q_inconsistency_random_p:.4g})"
        )
        if show_split:
            rows += [
                f"{each.treat1} v {each.treat2}: direct {each.direct:.3f}, indirect {each.indirect:.3f},"
                f" p {each.p_value:.3f}"
                for each in split_nodes(fit)
            ]
            rows += [
                f"design {':'.join(each.arms)}: {each.k} trials, Q within {each.q_within:.2f} on"
                f" {each.df_within}; between designs without it {each.q_detached:.2f} on {each.df_detached}"
                for each in decompose_designs(fit)
            ]
        return rows

    answer(fit, as_json, lines, drop=("trials",))


def fit_network_of(table: Table, method: str, small_values: str, level: float, measure: str | None) -> Any:
    """The network of contrasts, or of arms, whichever the columns give."""
    from openkap import evidence

    settings: dict[str, Any] = {"method": method, "level": level, "small_values": small_values}
    if not ("treat1" in table.columns or "treatment" in table.columns):
        raise InputError(
            "the file holds no network",
            where=table.path.name,
            limit=f"the file has {', '.join(table.columns)}",
            remedy="give study, treat1, treat2, te and se_te; or study and treatment with mean, sd and n, or "
            "with events and n",
        )
    if "treat1" in table.columns:
        columns = [table.texts(name) for name in ("study", "treat1", "treat2")]
        return evidence.network(*columns, table.numbers("te"), table.numbers("se_te"), **settings)
    arms = {"n": table.numbers("n")}
    if table.has(["mean", "sd"]):
        arms |= {"mean": table.numbers("mean"), "sd": table.numbers("sd")}
        kind = measure or "MD"
    else:
        arms |= {"events": table.numbers("events")}
        kind = measure or "OR"
    return evidence.network_from_arms(
        table.texts("study"), table.texts("treatment"), **arms, measure=kind, **settings
    )


@click.command(
    epilog=example(
        "openkap evidence dose doses.csv --shape linear",
        "study,dose,yi,vi,reference_vi",
        "Smith 2019,0.2,0.10,0.04,0.02",
        "Smith 2019,0.5,0.40,0.04,0.02",
    )
)
@FILE
@click.option("--shape", default="linear", show_default=True, help="linear, quadratic, log, spline or emax.")
@LEVEL
@JSON
def dose(path: Path, shape: str, level: float, as_json: bool) -> None:
    """Dose-response: study, dose, yi, vi against the reference arm, and reference_vi where trials have
    more doses.
    """
    from openkap import evidence
    from openkap.evidence.table import lines_of

    table, effect = read(path, None)
    yi, vi = effect.yi, effect.vi
    shared = table.numbers("reference_vi") if "reference_vi" in table.columns else None
    with lines_of(table):
        fit = evidence.dose_response(
            table.texts("study"),
            table.numbers("dose"),
            yi,
            vi,
            reference_variance=shared,
            reference_dose=table.numbers("reference_dose") if "reference_dose" in table.columns else 0.0,
            shape=shape,
            level=level,
        )

    def lines() -> list[str]:
        shown = [
            f"{name} {value:.4g} [{fit.shape_low[name]:.4g}, {fit.shape_high[name]:.4g}]"
            for name, value in fit.shape.items()
        ]
        return [
            f"{fit.studies} studies, {shape}, {fit.method}",
            *coefficients(fit),
            *shown,
            f"AIC {fit.aic:.2f}",
        ]

    answer(fit, as_json, lines)


@click.command(
    epilog=example(
        "openkap evidence multiverse effects.csv --choose instrument,time",
        "study,instrument,time,yi,vi",
        "Smith 2019,CAPS-5,2 weeks,0.42,0.031",
        "Smith 2019,PCL-5,4 weeks,0.20,0.034",
        "Lee 2021,PCL-5,2 weeks,0.10,0.022",
    )
)
@click.argument(
    "path",
    metavar="[FILE.csv]",
    required=False,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
)
@click.option("--choose", default="", help="Columns that offer a choice, such as instrument,time.")
@MEASURE
@ZERO_CELLS
@JSON
def multiverse(
    path: Path | None, choose: str, measure: str | None, zero_cells: str | None, as_json: bool
) -> None:
    """Fit every choice of instrument, time and the like with every estimator and interval.

    Without a file the main question of our own base is asked in every way that its records allow.
    """
    if path is None:
        _own_base(as_json)
        return
    from openkap.evidence.multiverse import multiverse as fit_all
    from openkap.evidence.multiverse import variants_of

    table, effect = read(path, measure, zero_cells)
    yi, vi = effect.yi, effect.vi
    columns = split(choose)
    table.need([*columns, "study"])
    rows = [
        {"study": study, "yi": yi[i], "vi": vi[i]} | {name: table.columns[name][i] for name in columns}
        for i, study in enumerate(table.texts("study"))
    ]
    options = {name: [*dict.fromkeys(table.columns[name]), "any"] for name in columns}
    fits = fit_all(variants_of(rows, choose=options))
    data = {
        "summary": fits.summary(),
        "leverage": fits.leverage(),
        "median_by_choice": fits.by_choice(),
        "skipped": list(fits.skipped),
        "not_used": list(fits.not_used),
    }
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    summary = fits.summary()
    click.echo(f"{fits.size} fits; median {summary['median']:.4f}, from {summary['lowest']:.4f}", nl=False)
    click.echo(f" to {summary['highest']:.4f}; {100 * summary['share_significant']:.0f}% below p 0.05")
    for name, share in sorted(fits.leverage().items(), key=lambda item: -item[1]):
        medians = ", ".join(f"{option} {value:.4f}" for option, value in fits.by_choice()[name].items())
        click.echo(f"{name:12} explains {100 * share:.0f}% of the spread; medians: {medians}")
    for skipped in fits.skipped:
        click.echo(f"not possible: {skipped} (fewer than two studies)")
    for behind in fits.not_used:
        click.echo(f"not used: {behind} of the study (its first row counts: order rows by preference)")


def _own_base(as_json: bool) -> None:
    from openkap.evidence.answers import answer_all
    from openkap.evidence.base import read_base
    from openkap.evidence.plan import read_plan
    from openkap.evidence.robustness import robustness
    from openkap.evidence.robustness_words import as_data, sentences

    base = read_base()
    held = robustness(base, answer_all(base, read_plan()))
    if as_json:
        click.echo(json.dumps(as_data(held), indent=2, ensure_ascii=False, allow_nan=False))
        return
    click.echo(held.analysis.question)
    for sentence in sentences(held):
        click.echo(sentence)
