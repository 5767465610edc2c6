"""Experiments of the study: what is common to all rows of a table, and what each row changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from hand_pose_ros.types import HandPoseError
from training.crossmodal.benchmark import Benchmark
from training.crossmodal.features import FEATURES
from training.crossmodal.modalities import INVARIANCES, MODALITIES

STRATEGIES = ("pairs", "cross", "joint", "align_kl", "align_poe", "teach", "decode")


@dataclass(frozen=True)
class Row:
    """One row of a table: a model, how it is trained, and on how many samples.

    strategy: `pairs` (Algorithm 1 of Spurr et al. 2018: a step per pair) or one of Yang et al. (2019): `cross` (S1),
    `joint` (S2), `align_kl` (S3a), `align_poe` (S3b); `teach`: all posteriors are drawn to that of the joints, as in
    the shipped model; `decode`: decoders learn from the joints' posterior, in a space that stays as it is. after: the
    row whose trained weights this one goes on from. source: the modality that is there at test time. target: what is
    measured. pairs: written `source>target`. auxiliary: modalities of training alone; of `teach` they are decoded where
    they have a decoder. encoders, decoders: settings of the networks by modality.
    samples: batches drawn times their size, the budget. beta: weight of the prior's KL at the start and at the end;
    beta_align: of the aligning KL at the end; moments: of the latents' mean and covariance over a batch against the
    prior's (`teach`). weights: of the modalities' reconstructions, 1 where not named. labelled:
    share of the training hands that have labels; weak: whether the others give their picture and cloud. real_pictures:
    a folder of unlabelled ones to reconstruct from the source. bones: weight of the biomechanical constraints, on what
    is predicted (`teach`: on samples of the prior). emd_share: share of the compared clouds whose earth mover's
    distance is taken. points: of a cloud that is encoded and compared. invariances: letters of T (the root is known),
    S (the scale), H (the side is told) and M (left hands are mirrored).
    """

    strategy: str
    source: str
    encoders: Mapping[str, Mapping[str, Any]]
    decoders: Mapping[str, Mapping[str, Any]]
    samples: int
    batch: int
    lr: float
    latent: int
    beta: tuple[float, float]
    after: str | None = None
    target: str = "joints"
    pairs: tuple[tuple[str, str], ...] = ()
    auxiliary: tuple[str, ...] = ()
    beta_align: float = 0.0
    moments: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)
    labelled: float = 1.0
    weak: bool = False
    real_pictures: str | None = None
    bones: float = 0.0
    emd_share: float = 0.0
    points: int = 256
    invariances: str = "TSH"
    ema: float = 0.99
    precision: str = "32-true"

    @property
    def steps(self) -> int:
        """Batches that are drawn for each step of the strategy."""
        return self.samples // self.batch

    @property
    def modalities(self) -> tuple[str, ...]:
        """Every modality that is encoded or decoded."""
        return tuple(m for m in MODALITIES if m in self.encoders or m in self.decoders)

    def beta_at(self, progress: float) -> float:
        """The prior's weight, annealed along a line."""
        return self.beta[0] + progress * (self.beta[1] - self.beta[0])


@dataclass(frozen=True)
class Claim:
    """What a paper says, as a comparison: the row `better` has the lower `metric` on `split` than the row `worse`."""

    says: str
    better: str
    worse: str
    split: str = "test"
    metric: str = "mean_mm"


@dataclass(frozen=True)
class Experiment:
    """A table: its benchmark, the rows by name, the seeds each is trained with, and the claims it puts to the test.

    title, about: head and introduction of the table. lines: rows by the name of a line, to be plotted over the
    labelled share.
    """

    name: str
    title: str
    about: str
    benchmark: Benchmark
    seeds: tuple[int, ...]
    rows: Mapping[str, Row]
    claims: tuple[Claim, ...]
    lines: Mapping[str, tuple[str, ...]]


#: Top-level settings that are not a row's.
OF_EXPERIMENT = ("kind", "title", "about", "benchmark", "seeds", "rows", "claims", "lines")


def read_study(path: Path) -> Experiment:
    """Read an experiment of `kind: crossmodal`.

    Settings on the top level hold for all rows, a row's own replace them. Raises HandPoseError where a setting is
    missing, unknown or makes no sense.
    """
    try:
        given = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise HandPoseError(f"cannot read the experiment {path}: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict) or not isinstance(given.get("rows"), dict):
        raise HandPoseError(f"{path} is no experiment: it needs settings and 'rows', each a name with its own settings")
    common = {key: value for key, value in given.items() if key not in OF_EXPERIMENT}
    benchmark = _make(Benchmark, given.get("benchmark"), f"{path}: benchmark")
    rows = {name: _row(common | (own or {}), f"{path}: row '{name}'") for name, own in given["rows"].items()}
    seeds = given.get("seeds")
    if not isinstance(seeds, list) or not all(isinstance(seed, int) for seed in seeds):
        raise HandPoseError(f"{path}: 'seeds' must be a list of whole numbers, not {seeds!r}")
    claims = tuple(_make(Claim, claim, f"{path}: claim") for claim in given.get("claims", ()))
    lines = {name: tuple(line) for name, line in given.get("lines", {}).items()}
    for number, (name, row) in enumerate(rows.items()):
        if row.after is not None and row.after not in list(rows)[:number]:
            raise HandPoseError(f"{path}: row '{name}' comes after '{row.after}', which is no row before it")
    named = {row for claim in claims for row in (claim.better, claim.worse)}.union(*lines.values())
    if named - set(rows):
        raise HandPoseError(f"{path}: claims or lines name the row '{min(named - set(rows))}', which is not there")
    title, about = (str(given.get(key, "")) for key in ("title", "about"))
    return Experiment(path.stem, title or path.stem, about.strip(), benchmark, tuple(seeds), rows, claims, lines)


def _row(given: dict[str, Any], where: str) -> Row:
    given = dict(given)
    beta = given.get("beta")
    if beta is not None:
        given["beta"] = tuple(map(float, beta)) if isinstance(beta, list) else (float(beta), float(beta))
    pairs = given.get("pairs", [])
    if not all(isinstance(pair, str) and pair.count(">") == 1 for pair in pairs):
        raise HandPoseError(f"{where}: pairs are written 'source>target', not {pairs!r}")
    given["pairs"] = tuple((source, target) for source, target in (pair.split(">") for pair in pairs))
    given["auxiliary"] = tuple(given.get("auxiliary", ()))
    for key in ("samples", "batch"):
        if isinstance(given.get(key), float):
            given[key] = int(given[key])
    row = _make(Row, given, where)
    _check(row, where)
    return row


def _check(row: Row, where: str) -> None:
    if row.strategy not in STRATEGIES:
        raise HandPoseError(f"{where}: there is no strategy '{row.strategy}'; there are {', '.join(STRATEGIES)}")
    if (row.strategy == "pairs") != bool(row.pairs):
        raise HandPoseError(f"{where}: 'pairs' belong to the strategy 'pairs', and it needs them")
    if row.strategy not in ("pairs", "cross") and not row.auxiliary:
        raise HandPoseError(f"{where}: the strategy '{row.strategy}' needs at least one modality under 'auxiliary'")
    joint = row.auxiliary if row.strategy not in ("pairs", "cross", "decode") else ()
    teacher = ("joints",) if row.strategy in ("teach", "decode") else ()
    encoded = {row.source, *teacher, *joint, *(source for source, _ in row.pairs)}
    beside = row.auxiliary if row.strategy != "teach" else ()
    outputs = {"joints", *beside} if row.strategy != "pairs" else {target for _, target in row.pairs}
    if row.real_pictures:
        outputs.add("rgb")
    for kind, there, needed in (("encoder", row.encoders, encoded), ("decoder", row.decoders, outputs | {row.target})):
        missing = sorted(needed - set(there))
        if missing:
            raise HandPoseError(f"{where}: no {kind} of '{missing[0]}'; name one under '{kind}s'")
    if set(row.invariances) - set(INVARIANCES):
        raise HandPoseError(f"{where}: invariances are letters of {''.join(INVARIANCES)}, not '{row.invariances}'")
    if "M" in row.invariances and set(row.encoders) & set(FEATURES):
        raise HandPoseError(f"{where}: frozen features are of pictures as they are; invariances 'M' would mirror them")
    if row.real_pictures and row.source not in ("rgb", "rgb_features"):
        raise HandPoseError(f"{where}: 'real_pictures' are of colour, which the source '{row.source}' does not see")
    folded = row.decoders.get("cloud", {"points": row.points}).get("points", Row.points)
    if folded != row.points:
        raise HandPoseError(
            f"{where}: a decoded cloud of {folded} points is compared with one of 'points': {row.points}"
        )
    if not 0 < row.labelled <= 1:
        raise HandPoseError(f"{where}: 'labelled' is a share above 0 and up to 1, not {row.labelled}")
    if row.batch < 2 or row.steps < 1:
        raise HandPoseError(f"{where}: {row.samples} samples in batches of {row.batch} make no step")


def _make(kind: type, given: Any, where: str) -> Any:
    if not isinstance(given, dict):
        raise HandPoseError(f"{where} is missing or no mapping")
    known = {f.name for f in fields(kind)}
    needed = {f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING}
    for problem, names in (("unknown setting", set(given) - known), ("missing setting", needed - set(given))):
        if names:
            raise HandPoseError(f"{where}: {problem} '{min(names)}'; the settings are {', '.join(sorted(known))}")
    return kind(**given)
