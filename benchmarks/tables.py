"""Tables of the documentation from files that benchmarks wrote.

    python -m benchmarks.tables            # writes them into docs/
    python -m benchmarks.tables --check    # exits with 1 where a page says something else than its file

A page names the file and what is made of it, and ends the table:

    <!-- table: planted data/planted_nih14.json -->
    <!-- end of table -->
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.gates.results import gates
from benchmarks.red_team import results
from synthgen.records import Estimate
from synthgen.release.comparison import table as comparison_table
from synthgen.report import Compared, Comparison, LinkFacts

DOCS = Path(__file__).parents[1] / "docs"
_PLACE = re.compile(r"(<!-- table: (\w+) (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_CLAIMED = {"exact": "yes", "perturbed": "yes", "generator": "yes", "beyond": "no"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [page for page in sorted(DOCS.rglob("*.md")) if not write(page, check)]
    if stale:
        raise SystemExit(f"tables that are not those of their files: {', '.join(page.name for page in stale)}")


def write(page: Path, check: bool = False) -> bool:
    """Writes the tables of a page, or says only whether they stand as their files have them."""
    text = page.read_text("utf-8")
    new = _PLACE.sub(lambda place: f"{place[1]}{table(place[2], page.parent / place[3])}\n{place[4]}", text)
    if not check and new != text:
        page.write_text(new, encoding="utf-8")
    return not check or new == text


def table(kind: str, path: Path) -> str:
    """Markdown of what a benchmark wrote."""
    made = {"planted": planted, "red_team": red_team, "dialogue_filters": dialogue_filters, "startup": startup}
    made |= {"dp_accounting": dp_accounting, "dp_audit": dp_audit, "dp_step": dp_step}
    made |= {"private_layers": private_layers, "private_fits": private_fits, "private_evolution": private_evolution}
    made |= {"private_lora": private_lora, "private_lora_places": private_lora_places}
    made |= {"base_tuning": base_tuning, "anonymised": anonymised, "surrogates": surrogates}
    made |= {"siamese": siamese, "burned_in": burned_in}
    made |= {"anonymised_voices": anonymised_voices}
    made |= {"longitudinal": longitudinal, "parrot": parrot, "changed_identifiers": changed_identifiers}
    made |= {"compared": compared, "gates": gates}
    if kind not in made:
        raise SystemExit(f"no table of the kind {kind!r}: {', '.join(made)}")
    return made[kind](json.loads(path.read_text("utf-8")))


def compared(found: Mapping[str, Any]) -> str:
    """What ``synthgen compare`` wrote as ``comparison.json``: the table of its card."""
    ways = []
    for way in found["ways"]:
        linked = [
            LinkFacts(**{key: _estimate(value) if isinstance(value, dict) else value for key, value in fact.items()})
            for fact in way["linked"]
        ]
        attacks, quality = (tuple(map(_estimate, way[key])) for key in ("attacks", "quality"))
        ways.append(Compared(way["way"], way["told"], way["verdict"], way["records"], attacks, tuple(linked), quality))
    comparison = Comparison(**{**found, "ways": tuple(ways), "people": tuple(found["people"])})
    rows = [[row.asked, *row.answers] for row in comparison_table(comparison)]
    return _markdown([["", *(way.way for way in ways)], *rows])


def _estimate(told: Mapping[str, Any]) -> Estimate:
    def known(value: float | None) -> float:
        return float("nan") if value is None else value

    ends = tuple(map(known, told["ci95"]))
    return Estimate(told["metric"], known(told["value"]), (ends[0], ends[1]), told["n"], told["better"], told["note"])


def red_team(found: Mapping[str, Any]) -> str:
    """What ``python -m benchmarks.red_team table --json`` wrote: leaky generators, then honest ones."""
    return results.page(found["leaks"], found["honest"]).strip()


def planted(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/planted.py`` found: a line on the calibration, then caught per kind."""
    facts = found["calibration"]
    audit = facts["audit_block_rate"]
    blocked = "not measured" if audit is None else f"{audit['value']:.2%} of {audit['n']} audit patients"
    dropped = ", ".join(facts["dropped_filters"]) or "none"
    split = "/".join(str(facts[f"patients_{part}"]) for part in ("train", "calibration", "audit"))
    head = (
        f"{split} patients, k = {facts['k']}, strangers expected {facts['expected_block_rate']:.2%}, "
        f"blocked {blocked}; filters left out: {dropped}; {found['cpu_seconds']} s of one core."
    )
    rows = [
        f"| {row['perturbation']} | {row['caught']} of {row['planted']} | {row['caught'] / row['planted']:.1%} | "
        f"{_CLAIMED[row['domain']]} |"
        for row in found["planted"]
    ]
    return "\n".join([head, "", "| kind | caught | rate | claimed |", "| --- | ---: | ---: | --- |", *rows])


def dp_accounting(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/dp_accounting.py`` found: per mechanism, over its deltas."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["rows"]:
        told = (f"σ {e['sigma']:g}, rate {e['rate']:g}, {e['steps']} steps" for e in row["events"])
        groups.setdefault(" and ".join(told), []).append(row)
    rows = [
        f"| {events} | {len(group)} | {group[0]['bound']} | {_range(group, 'epsilon')} | "
        f"{_range(group, 'epsilon_dp_accounting')} | {max(abs(row['difference']) for row in group):.2%} | "
        f"{_range(group, 'epsilon_rdp')} |"
        for events, group in groups.items()
    ]
    head = "| mechanism | deltas | bound | ε | dp-accounting | largest difference | ε by RDP |"
    return "\n".join([head, "| --- | ---: | --- | ---: | ---: | ---: | ---: |", *rows])


def _range(group: Sequence[Mapping[str, Any]], key: str) -> str:
    low, high = min(row[key] for row in group), max(row[key] for row in group)
    return f"{low:.3f}" if len(group) == 1 else f"{low:.3f} to {high:.3f}"


def dp_audit(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/dp_audit.py`` found: a row per variant, plan and way to bound."""
    rows = [
        f"| {cell['variant']} | {cell['plan']} | {cell['claimed']:.2f} | {way} | {told['median']:.2f} | "
        f"{told['largest']:.2f} | {told['above']} of {cell['runs']} ({told['ci95'][0]:.1%} to {told['ci95'][1]:.1%}) |"
        for cell in found["cells"]
        for way, told in cell["bounds"].items()
    ]
    head = "| fit | plan | ε claimed | bound | median | largest | refuted |"
    return "\n".join([head, "| --- | --- | ---: | --- | ---: | ---: | ---: |", *rows])


def dp_step(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/dp_step.py`` found: a row per trained part and shape of the batch."""
    rows = [
        f"| {row['trained']} | {row['parameters']:,} | {row['patients']} × {row['records']} | {row['without']:.2f} s | "
        f"{row['with']:.2f} s | {row['ratio']:.2f} ({row['quartiles'][0]:.2f} to {row['quartiles'][1]:.2f}) |"
        for row in found["rows"]
    ]
    head = "| trained | parameters | patients × records | without | with | ratio (quartiles) |"
    return "\n".join([head, "| --- | ---: | ---: | ---: | ---: | ---: |", *rows])


def private_layers(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/private_layers.py`` found: a row for each kind of trained weights."""
    rows = [
        f"| {row['trained']} | {row['parameters']:,} | {row['learning_rate']:g} | {row['steps']} × {row['batch']} × "
        f"{row['draws']} | {row['sigma']:.2f} | {row['loss']:.3f} | {' '.join(f'{q:.3f}' for q in row['quarters'])} | "
        f"{row['seconds']} s |"
        for row in found
    ]
    head = "| trained | weights | learning rate | steps × patients × draws | σ | loss | in quarters | CPU |"
    return "\n".join([head, "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", *rows])


_OF_A_FIT = {
    "fit, CPU s": "fit, CPU s",
    "neutral_fid": "neutral FID",
    "neutral_kid": "neutral KID",
    "neutral_coverage": "coverage",
    "label_auc_macro": "AUC of labels",
    "tstr_auc_macro": "TSTR",
}


_TUNING = {
    "fit, CPU s": "fit, CPU s",
    "PSNR, E": "PSNR, dB",
    "neutral_fid": "neutral FID",
    "neutral_coverage": "coverage",
    "radial_power_mean": "power, mean",
    "radial_power_worst": "worst ring",
    "label_auc_macro": "label AUC",
    "tstr_auc_macro": "TSTR AUC",
    "tstr_gap": "TSTR gap",
    "pretraining_gain": "pre-training gain",
    "membership_nn_features_auc": "membership AUC",
}


def base_tuning(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/base_tuning.py`` found: a row for each way and seed."""
    lines = ["| way | seed | " + " | ".join(_TUNING.values()) + " |", "| --- |" + " ---: |" * (1 + len(_TUNING))]
    for row in found:
        cells = [_tuned(name, *row["figures"][name]) for name in _TUNING]
        lines.append(f"| {row['way']} | {row['seed']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _tuned(name: str, value: float, low: float, high: float) -> str:
    digits = 0 if name in {"fit, CPU s", "neutral_fid"} else 1 if name == "PSNR, E" else 3
    return f"{value:.{digits}f}" if low == high else f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def private_fits(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/private_fits.py`` found: a row for each way, ε and seed."""
    rows = [
        f"| {row['way']} | {'none' if row['epsilon'] is None else format(row['epsilon'], 'g')} | {row['seed']} | "
        + " | ".join(_with_interval(row["figures"].get(metric)) for metric in _OF_A_FIT)
        + " |"
        for row in found
    ]
    head = f"| way | ε | seed | {' | '.join(_OF_A_FIT.values())} |"
    return "\n".join([head, "| --- |" + " ---: |" * (2 + len(_OF_A_FIT)), *rows])


def private_lora_places(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/private_lora_places.py`` found: a row for each place, number of layers and rank."""
    rows = [
        f"| {row['place']} | {row['layers']} | {row['rank']} | {row['weights']:,} | {row['shared']:.2f} | "
        f"{row['noise']:.2f} | {row['gain']:.4f} | {row['gain_without_noise']:.4f} |"
        for row in found["rows"]
    ]
    head = "| place | last layers | rank | weights | shared | noise | gain | without noise |"
    return "\n".join([head, "| --- |" + " ---: |" * 7, *rows])


_LORA = {"untuned": "as it is", "private": "DP-SGD", "plain": "the same steps without", "longer": "more steps without"}


def private_lora(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/private_lora.py`` found: a row for each way and seed, exposures by how often one was said."""
    often = [*found[0]["exposure"]]
    rows = []
    for row in found:
        attacks = [row[f"model_membership_{score}_auc"] for score in ("loss", "reference")]
        said = [row["exposure"][times] for times in often]
        cells = [
            _LORA[row["way"]],
            format(row["epsilon"], ".2f") if "epsilon" in row else "none",
            str(row["seed"]),
            str(row.get("steps", "")),
            *(_between(figure, digits) for figure, digits in ((row["perplexity"], 2), *((a, 3) for a in attacks))),
            *(_between(figure, 2) for figure in said),
            str(row.get("seconds", "")),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    columns = ["way", "ε", "seed", "steps", "perplexity", "AUC by loss", "AUC against the base"]
    columns += [f"exposure, said {times} times" for times in often]
    head = f"| {' | '.join([*columns, 'fit, CPU s'])} |"
    return "\n".join([head, "| --- |" + " ---: |" * len(columns), *rows])


def _between(figure: Sequence[float], digits: int) -> str:
    value, low, high = (format(x, f".{digits}f") for x in figure)
    return f"{value} [{low}, {high}]"


def _with_interval(figure: Sequence[float] | None) -> str:
    if figure is None:
        return ""
    value, low, high = (f"{x:.0f}" if abs(figure[0]) >= 10 else f"{x:.3f}" for x in figure)
    return value if low == high else f"{value} [{low}, {high}]"


_FIGURES = ("frechet", "frechet AP", "frechet PA", "neutral fid", "neutral kid", "tstr", "topics", "length")
_FIGURES += ("pitch", "spread", "effective", "seconds")
_ARMS = ("films that voted", "those who voted", "phantom", "voice cards", "no evolution", "one shot", "evolved")


def private_evolution(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/private_evolution.py`` found: an arm and ε a row, means over seeds, the least, the greatest."""
    rows = found["rows"]
    figures = [name for name in _FIGURES if any(name in row for row in rows)]
    arms = list(dict.fromkeys((row["arm"], row.get("epsilon")) for row in rows))
    arms.sort(key=lambda arm: (_ARMS.index(arm[0]), -float(str(arm[1] or 0).replace("∞", "inf"))))
    lines = ["| arm | ε | seeds | " + " | ".join(figures) + " |", "| --- |" + " ---: |" * (2 + len(figures))]
    for arm, epsilon in arms:
        mine = [row for row in rows if (row["arm"], row.get("epsilon")) == (arm, epsilon)]
        named = "" if epsilon is None else epsilon if isinstance(epsilon, str) else f"{epsilon:g}"
        cells = [_mean_and_range([row[name] for row in mine if name in row]) for name in figures]
        lines.append(f"| {arm} | {named} | {len(mine)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mean_and_range(values: Sequence[float]) -> str:
    if not values:
        return ""
    one = f"{mean(values):.3g}"
    return one if len(values) == 1 else f"{one} ({min(values):.3g} to {max(values):.3g})"


def dialogue_filters(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/dialogue_filters.py`` found: per source the gate beside rules, then each filter alone."""
    return "\n\n".join(_source(name, facts) for name, facts in found.items())


def _source(name: str, facts: Mapping[str, Any]) -> str:
    detectors: dict[str, Any] = {
        detector: {row["metric"]: row for row in rows} for detector, rows in facts["detectors"].items()
    }
    head = (
        f"### {name}: {facts['patients']} patients ({facts['linked']} linked to another), {facts['train']} train, "
        f"{facts['calibration']} calibrate, {facts['splits']} splits, {facts['cpu_seconds']} s of computing"
    )
    alone = [detector for detector in detectors if detector.endswith(" alone") and detector != "encoder alone"]
    beside = [detector for detector in detectors if detector not in alone]
    parts = [head, _detectors(detectors, beside, facts["beyond"], "")]
    return "\n\n".join([*parts, "Each filter alone, calibrated at 1%:", _detectors(detectors, alone, [], " alone")])


def _detectors(detectors: Mapping[str, Any], columns: Sequence[str], beyond: Sequence[str], cut: str) -> str:
    """A row for each kind of copy, a column for each detector; intervals in the first column where nothing is cut."""
    rows = [["rejected", *([] if cut else ["n"]), *(name.removesuffix(cut) for name in columns)]]
    for metric, first in detectors[columns[0]].items():
        if cut and not metric.startswith("rejected_"):
            continue
        kind = metric.removeprefix("rejected_").replace("_", " ")
        told = f"{kind} (not claimed)" if metric.removeprefix("rejected_") in beyond else kind
        cells = [_figure(detectors[name].get(metric), interval=not cut and name == "gate") for name in columns]
        rows.append([told, *([] if cut else [str(first["n"])]), *cells])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    rule = "| --- | " + ("" if cut else "---: | ") + " | ".join("---" for _ in columns) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def _figure(row: Mapping[str, Any] | None, interval: bool) -> str:
    if row is None:
        return "–"
    share = row["metric"].startswith("rejected_")
    value = f"{row['value']:.1%}" if share else f"{row['value']:.4f}"
    if not interval:
        return value
    low, high = (f"{end:.1f}" if share else f"{end:.4f}" for end in (100 * x if share else x for x in row["ci95"]))
    return f"{value} [{low}, {high}]"


_ATTACKS = ("same_record", "other_record", "within_release", "oracle")


def anonymised(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/anonymised_reports.py`` gathered: a row a setting, of each attack its strongest attacker."""
    heads = [
        "operator, strength",
        *(f"{name.replace('_', ' ')}: EER; rank-1" for name in _ATTACKS),
        "findings AUC",
        "lost",
    ]
    rows = [heads]
    for one in found:
        figures = {row["metric"]: row for row in one["evaluation"]}
        useful = [_with_ends(figures.get(name)) for name in ("trained_on_changed_auc_macro", "auc_lost")]
        strongest = [_strongest([f for f in one["attacks"] if f["attack"] == name]) for name in _ATTACKS]
        rows.append([f"{one['operator']}, {one['strength']:g}", *strongest, *useful])
    return _markdown(rows)


def siamese(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/anonymised_films.py`` found of the literature's attacker, and of findings read both ways."""
    rows = [
        [
            "operator, strength; seed",
            "verification AUC before → after",
            "EER after",
            "findings AUC, real reader, real → changed",
            "findings AUC, reader trained on changed",
            "lost",
        ]
    ]
    for one in found:
        before, after = one["siamese"]["before"], one["siamese"]["after"]
        figures = {row["metric"]: row for row in one["evaluation"]}
        rows.append(
            [
                f"{one['operator']}, {one['strength']:g}; {one['seed']}",
                f"{before['mean']:.3f} ± {before['sd']:.3f} → {after['mean']:.3f} ± {after['sd']:.3f}",
                _with_ends(after["eer"]),
                f"{one['read']['real']['value']:.3f} → {_with_ends(one['read']['changed'])}",
                _with_ends(figures.get("trained_on_changed_auc_macro")),
                _with_ends(figures.get("auc_lost")),
            ]
        )
    return _markdown(rows)


def burned_in(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/burned_in.py`` found: a row a size and kind of films."""
    rows = [["films, side", "letters left", "lines gone", "lung touched", "without a line: text found; lung touched"]]
    for one in found:
        bare = one["without_text_found"]
        rows.append(
            [
                f"{one['films']}, {one['size']} px",
                f"{one['letters_left']['value']:.1%} of {one['letters_left']['n']}",
                f"{one['lines_gone']['value']:.0%} of {one['lines_gone']['n']}",
                _share(one["lung_touched"]),
                f"{bare['value']:.0%} of {bare['n']}; {_share(one['without_text_lung_touched'])}",
            ]
        )
    return _markdown(rows)


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2%}"


def _strongest(facts: Sequence[Mapping[str, Any]]) -> str:
    if not facts:
        return "–"
    one = min(facts, key=lambda fact: (fact["eer"]["value"], -fact["rank1"]["value"]))
    return f"{_with_ends(one['eer'])}; {one['rank1']['value']:.1%}"


def _with_ends(row: Mapping[str, Any] | None) -> str:
    return "–" if row is None else f"{row['value']:.3f} [{row['ci95'][0]:.3f}, {row['ci95'][1]:.3f}]"


_LEVELS = ("ignorant", "lazy-informed", "semi-informed")


def anonymised_voices(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/anonymised_voices.py`` found: a row an operator and secret."""
    heads = ["operator, strength", "secret", *(f"ten: {level}" for level in _LEVELS)]
    heads += [*(f"halves: {level}" for level in _LEVELS), "same recording", "pitch", "WER", "more than untouched"]
    rows = [heads]
    for one in found:
        name = "untouched" if one["operator"] == "none" else f"{one['operator']}, {one['strength']:g}"
        rates = [_percent(one[f"{who} {level}"]) for who in ("ten", "halves") for level in _LEVELS]
        heard = [_percent(one[key]) if key in one else "–" for key in ("wer", "wer more")]
        secret = "–" if one["operator"] in ("none", "fixed") else str(one["seed"])
        rows.append([name, secret, *rates, f"{one['same recording by rhythm']:.0%}", f"{one['pitch'][0]:.2f}", *heard])
    return _markdown(rows)


def _percent(figure: Sequence[float]) -> str:
    return "{:.1f} [{:.1f}, {:.1f}]".format(*(100 * x for x in figure))


def surrogates(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/anonymised_transcripts.py --attack`` found: who is found, by strength and joined sessions."""
    heads = [f"{name.replace('_', ' ')}: EER; rank-1" for name in _ATTACKS]
    rows = [["strength; cohorts × patients", "sessions joined", *heads, "rare fact left", "words lost"]]
    for strength, runs in _grouped(found, "strength").items():
        told = [{row["metric"]: row for row in run["figures"]} for run in runs]
        for many in runs[0]["attacks"]:
            cells = []
            for name in _ATTACKS:
                best = [_strongest([f for f in run["attacks"][many] if f["attack"] == name]) for run in runs]
                eers, ranks = zip(*((part.split(" ")[0], part.rpartition("; ")[2]) for part in best), strict=True)
                cells.append(f"{', '.join(eers)}; {', '.join(ranks)}")
            lost = f"{mean(one['words_lost']['value'] for one in told):.1%}"
            cells += [_of_all(told, "rare_fact_left"), lost]
            rows.append([f"{strength[0]:g}; {len(runs)} × {runs[0]['patients']}", many, *cells])
    return _markdown(rows)


def _grouped(found: Sequence[Mapping[str, Any]], *keys: str) -> dict[tuple[Any, ...], list[Mapping[str, Any]]]:
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for one in found:
        groups.setdefault(tuple(one[key] for key in keys), []).append(one)
    return groups


def longitudinal(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/anonymised_transcripts.py`` found: what stays of a patient after all his sessions."""
    kinds = ("name", "born", "address", "phone")
    heads = ["sessions; strength", "cohorts × patients", *(f"{kind} left" for kind in kinds), "name stays one name"]
    rows = [[*heads, "rare fact left", "sessions with other clinical facts", "words lost"]]
    for (sessions, strength, plain), runs in _grouped(found, "sessions", "strength", "plain_facts").items():
        told = [{row["metric"]: row for row in run["figures"]} for run in runs]
        metrics = [*(f"{kind}_left_after_{sessions}" for kind in kinds), "one_name_throughout", "rare_fact_left"]
        metrics += ["clinical_changed"]
        name = f"{sessions}; {strength:g}" + (", facts told plainly" if plain else "")
        lost = f"{mean(one['words_lost']['value'] for one in told):.1%}"
        rows.append([name, f"{len(runs)} × {runs[0]['patients']}", *(_of_all(told, m) for m in metrics), lost])
    return _markdown(rows)


def parrot(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/parrot_attack.py`` found: originals that are singled out, by policy and rate of misses."""
    heads = [f"{policy}: {what}" for policy in ("consistent", "markov") for what in ("documents", "patients")]
    rows = [["cohort; cohorts × patients", "missed", "lists", "patients with an original", *heads]]
    for (cohort, missed, lists), runs in _grouped(found, "cohort", "missed", "lists").items():
        told = {
            policy: [{row["metric"]: row for row in run["figures"]} for run in runs if run["policy"] == policy]
            for policy in ("consistent", "markov")
        }
        if not missed:
            continue
        cells = [
            _share_of_all(told[policy], f"drawn_{what}")
            for policy in ("consistent", "markov")
            for what in ("documents", "patients")
        ]
        judged = told["consistent"][0]["drawn_patients"]["n"]
        left = _share_of_all(told["consistent"], "drawn_patients_with_an_original")
        name = f"{cohort}; {len(told['consistent'])} × {judged}"
        rows.append([name, f"{missed:.1%}", "known" if lists else "–", left, *cells])
    return _markdown(rows)


def _share_of_all(told: Sequence[Mapping[str, Any]], metric: str) -> str:
    of = sum(one[metric]["n"] for one in told)
    return f"{sum(one[metric]['value'] * one[metric]['n'] for one in told) / of:.1%}"


_LEFT = ("family person", "family place", "family organisation", "family date or age", "family phone", "family id")


def changed_identifiers(found: Sequence[Mapping[str, Any]]) -> str:
    """What ``benchmarks/changed_identifiers.py`` found: gold spans left whole, and in part, in changed documents."""
    heads = [f"{name.removeprefix('family ')}: whole; in part" for name in _LEFT]
    rows = [["set, strength", *heads, "documents that give a name away", "any identity", "other clinical facts"]]
    for one in found:
        left = one["left"]
        cells = [
            f"{_with_ends(left[name]['whole'])}; {left[name]['part']['value']:.3f}" if name in left else "–"
            for name in _LEFT
        ]
        cells += [_with_ends(left[name]["whole"]) for name in ("documents, names", "documents", "clinical facts")]
        model = " and a model" if one["model"] else ""
        rows.append([f"{one['set'].removesuffix('_names_silver')}, {one['strength']}{model}", *cells])
    return _markdown(rows)


def _of_all(told: Sequence[Mapping[str, Any]], metric: str) -> str:
    """A count over all cohorts."""
    rows = [one[metric] for one in told]
    return f"{sum(round(row['value'] * row['n']) for row in rows)} of {sum(row['n'] for row in rows)}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| " + " | ".join("---" for _ in rows[0]) + " |", *lines[1:]])


def startup(found: Mapping[str, Any]) -> str:
    """What ``benchmarks/startup.py`` found: CPU seconds per command."""
    rows = [f"| `synthgen {command}` | {seconds:.2f} |" for command, seconds in found["seconds"].items()]
    return "\n".join(["| command | CPU seconds |", "| --- | ---: |", *rows])


if __name__ == "__main__":
    main()
