"""When somebody is woken: alert rules as values, and as Grafana's rule groups.

A rule asks one question, takes the newest value of each of its series, and holds it against one limit. What it fires
for is in its labels: one alert for each zone, device or site. Each has a runbook for the person who is woken
(`docs/runbooks`). Rules with `when` have no series as long as all is well; that the gateway writes at all is the rule
`lag`, which fires without data.

Grafana documentation, "Alerting provisioning HTTP API": ProvisionedAlertRule, AlertQuery.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from dashboards.artefact import stamped_rule
from dashboards.influxql import Column, Fold, Question, Span
from wire.measurement import Tag
from wire.measurements import BOOKS, CONFIG, DEVICE, EDGE, EXCEPTIONS, FOLD, SIZE_GAP, ZONE

SOURCE_UID: Final = "lastunit-series"
"""The data source that rules ask: they know no variable. `dashboards.build` makes one of this uid."""

GROUP: Final = "last-unit"
EVERY_S: Final = 60
"""How often rules are judged."""

RUNBOOKS: Final = "docs/runbooks"
"""Where runbooks are, unless somebody serves them elsewhere."""

_EXPRESSION: Final = "__expr__"


class Severity(StrEnum):
    """How soon somebody has to act."""

    CRITICAL = "critical"
    """Now."""
    WARNING = "warning"
    """Today."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: it fires when its column is above `limit` for `lasting_s`. `name`: its runbook's, too.

    `says`: what is wrong, with Grafana's `{{ $labels.x }}`. `window_s`: of which time it asks. `silence_is_bad`: it
    fires without data, too.
    """

    name: str
    title: str
    question: Question
    limit: float
    lasting_s: int
    severity: Severity
    says: str
    window_s: int = 600
    silence_is_bad: bool = False

    @property
    def uid(self) -> str:
        """Return its uid."""
        return f"lastunit-{self.name}"


_PLACE: Final = (Tag.SITE, Tag.ZONE)

RULES: Final = (
    Rule(
        "blind-zone",
        "A zone is blind",
        Question(
            ZONE, (Column("state_age_s", "age", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.ZONE), (), when=("looked", 0)
        ),
        600,
        0,
        Severity.WARNING,
        "{{ $labels.site }}: nobody looks at {{ $labels.zone }}. Its counts are old, and its channels may sell less.",
    ),
    Rule(
        "reader-silent",
        "A device is down",
        Question(DEVICE, (Column("since_s", "age", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.DEVICE), (), when=("up", 0)),
        300,
        0,
        Severity.WARNING,
        "{{ $labels.site }}: {{ $labels.device }} has not answered for five minutes.",
    ),
    Rule(
        "edge-gone",
        "An edge is not there",
        Question(EDGE, (Column("said_age_s", "age", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.EDGE), ()),
        300,
        0,
        Severity.CRITICAL,
        "{{ $labels.site }}: the box {{ $labels.edge }} has not been heard for five minutes; all its zones are blind.",
    ),
    Rule(
        "config-drift",
        "A device is not configured as it should be",
        Question(
            CONFIG, (Column("since_s", "age", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.DEVICE), (), when=("standing", 0)
        ),
        0,
        300,
        Severity.WARNING,
        "{{ $labels.site }}: {{ $labels.device }} does not run what is asked of it.",
    ),
    Rule(
        "certificate-expires",
        "A certificate ends soon",
        Question(EDGE, (Column("certificate_late_s", "late", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.EDGE), ()),
        0,
        0,
        Severity.WARNING,
        "{{ $labels.site }}: the certificate of {{ $labels.edge }} ends within 30 days; then the broker refuses it.",
    ),
    Rule(
        "outbox-growing",
        "An edge's outbox grows",
        Question(EDGE, (Column("outbox_oldest_s", "age", Fold.MAX),), Span.NOW, (Tag.SITE, Tag.EDGE), ()),
        600,
        300,
        Severity.WARNING,
        "{{ $labels.site }}: {{ $labels.edge }} holds reads of ten minutes that the gateway has not taken.",
    ),
    Rule(
        "oversell",
        "More is held than is there",
        Question(BOOKS, (Column("oversold", "units", Fold.MAX),), Span.NOW, (Tag.SITE,), ()),
        0,
        0,
        Severity.CRITICAL,
        "{{ $labels.site }}: active holds count on units that are not there.",
    ),
    Rule(
        "drift",
        "The books disagree",
        Question(BOOKS, (Column("drift", "faults", Fold.MAX),), Span.NOW, (Tag.SITE,), ()),
        0,
        0,
        Severity.CRITICAL,
        "{{ $labels.site }}: counts, places or states do not follow from the ledger.",
    ),
    Rule(
        "size-gap",
        "A size gap lasts too long",
        Question(
            SIZE_GAP,
            (Column("oldest_s", "age", Fold.MAX),),
            Span.NOW,
            (Tag.SITE, Tag.GAP),
            (),
            only=((Tag.GAP, ("core_gap", "not_shown")),),
        ),
        4 * 3_600,
        0,
        Severity.WARNING,
        "{{ $labels.site }}: for more than four hours shoppers have missed sizes ({{ $labels.gap }}).",
    ),
    Rule(
        "loss-burst",
        "Many items left without a sale",
        Question(
            EXCEPTIONS,
            (Column("raised", "items"),),
            Span.TOTAL,
            (Tag.SITE,),
            (),
            only=((Tag.KIND, ("left_unsold",)),),
        ),
        5,
        0,
        Severity.CRITICAL,
        "{{ $labels.site }}: more than five items left within a quarter of an hour, and no till knows of them.",
        window_s=900,
    ),
    Rule(
        "lag",
        "The gateway does not keep up, or is silent",
        Question(FOLD, (Column("lag_ms", "lag", Fold.MAX),), Span.NOW, (Tag.SITE,), ()),
        30_000,
        120,
        Severity.CRITICAL,
        "{{ $labels.site }}: what is read reaches the counts more than half a minute late, or no figure comes at all.",
        silence_is_bad=True,
    ),
)


def rule_json(rule: Rule, folder: str, runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """Return a rule as Grafana's provisioning API takes it, with its stamp."""
    column = rule.question.columns[0].name
    body = {
        "uid": rule.uid,
        "title": rule.title,
        "ruleGroup": GROUP,
        "folderUID": folder,
        "condition": "C",
        "data": [_asked(rule), _newest(), _limit(rule.limit)],
        "for": lasting(rule.lasting_s),
        "noDataState": "Alerting" if rule.silence_is_bad else "OK",
        "execErrState": "Error",
        "labels": {"severity": rule.severity.value, "project": "lastunit"},
        "annotations": {
            "summary": rule.title,
            "description": rule.says,
            "runbook_url": f"{runbooks.rstrip('/')}/{rule.name}.md",
            "figure": f"{rule.question.measurement.name}: {column} above {rule.limit:g}",
        },
    }
    return stamped_rule(body)


def lasting(seconds: int) -> str:
    """Return a time as Grafana tells it when it is read back: `5m` and not `300s` (Prometheus' model.Duration)."""
    hours, rest = divmod(seconds, 3_600)
    minutes, rest = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0s"


def group_json(folder: str, runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """Return all rules as one group."""
    rules = [rule_json(rule, folder, runbooks) for rule in RULES]
    return {"title": GROUP, "folderUid": folder, "interval": EVERY_S, "rules": rules}


def _asked(rule: Rule) -> dict[str, Any]:
    model = {
        "refId": "A",
        "query": rule.question.influxql(),
        "rawQuery": True,
        "resultFormat": "time_series",
        "intervalMs": 1_000,
        "maxDataPoints": 43_200,
    }
    return {"refId": "A", "datasourceUid": SOURCE_UID, "relativeTimeRange": _window(rule.window_s), "model": model}


def _newest() -> dict[str, Any]:
    model = {"refId": "B", "type": "reduce", "expression": "A", "reducer": "last", "settings": {"mode": "dropNN"}}
    return {"refId": "B", "datasourceUid": _EXPRESSION, "relativeTimeRange": _window(0), "model": model}


def _limit(limit: float) -> dict[str, Any]:
    model = {
        "refId": "C",
        "type": "threshold",
        "expression": "B",
        "conditions": [{"evaluator": {"type": "gt", "params": [limit]}}],
    }
    return {"refId": "C", "datasourceUid": _EXPRESSION, "relativeTimeRange": _window(0), "model": model}


def _window(seconds: int) -> dict[str, int]:
    return {"from": seconds, "to": 0}
