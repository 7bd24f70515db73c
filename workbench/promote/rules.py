"""What ``[policy]`` says of a promotion whose facts are known: who may make it, who must agree, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from workbench.git import address, addresses, one_of
from workbench.promote.approvals import ApprovalCount
from workbench.promote.gates.result import GateResult
from workbench.promote.identities import unproven
from workbench.times import in_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from workbench.config import FreezeSettings, PolicyRule, PolicySettings, TrainSettings
    from workbench.promote.approvals import Voice
    from workbench.promote.identities import CommitEvidence, Person


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def fits(view: str, patterns: Iterable[str]) -> bool:
    """Return whether one of `patterns`, with ``*``, ``?`` and ``[...]``, names `view`."""
    return any(fnmatchcase(view, pattern) for pattern in patterns)


def is_frozen(freeze: FreezeSettings, now: datetime) -> bool:
    """Return whether `now` lies in `freeze`: its last day is frozen to its end, and so is its last instant."""
    moment = in_utc(now)
    return _first(freeze.start) <= moment and (
        moment <= in_utc(freeze.end)
        if isinstance(freeze.end, datetime)
        else moment < _first(freeze.end) + timedelta(days=1)
    )


def _first(moment: date) -> datetime:
    if isinstance(moment, datetime):
        return in_utc(moment)
    return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)


def thaws(freeze: FreezeSettings) -> str:
    """Return until when `freeze` lasts, for people."""
    if isinstance(freeze.end, datetime):
        return f"until {in_utc(freeze.end):%Y-%m-%d %H:%M:%S} UTC"
    return f"to the end of {freeze.end:%Y-%m-%d} (UTC)"


def is_open(train: TrainSettings, now: datetime) -> bool:
    """Return whether `train` takes passengers at `now`; one that closes before it opens runs over midnight."""
    moment = in_utc(now).replace(microsecond=0)  # a train that closes at 23:59:59 closes at midnight
    clock, today = moment.time(), DAYS[moment.weekday()]
    if train.opens <= train.closes:
        return today in train.days and train.opens <= clock <= train.closes
    yesterday = DAYS[(moment.weekday() - 1) % 7]
    return (today in train.days and clock >= train.opens) or (yesterday in train.days and clock <= train.closes)


def next_departure(trains: Sequence[TrainSettings], now: datetime) -> datetime | None:
    """Return when the first of `trains` opens after `now`; None where none ever does."""
    moment = in_utc(now)
    starts = [
        start
        for train in trains
        for ahead in range(8)
        if (start := _at(moment.date() + timedelta(days=ahead), train.opens)) > moment
        and DAYS[start.weekday()] in train.days
    ]
    return min(starts, default=None)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=UTC)


def policy_results(
    policy: PolicySettings, *, views: Sequence[str], promoter: Person, said: CommitEvidence, now: datetime
) -> list[GateResult]:
    """Return what the policy says of a promotion of `views` by `promoter`.

    Every rule whose pattern fits a view binds it. An approval counts where it is of this very commit and of all the
    rule's views, by somebody who neither promotes nor wrote it; with ``require_signed`` only where a key that main
    lists for this person signed it.
    """
    voices = ApprovalCount.count(said, promoter, demanded=policy.require_signed)
    return [
        _promoters(policy, views, promoter, _bindings(policy, views)),
        _approvals(policy, views, promoter, voices),
        _freeze(policy, views, now),
        _train(policy, views, now),
        _signatures(policy, said),
    ]


def permission(policy: PolicySettings, *, views: Sequence[str], person: Person) -> GateResult:
    """Return whether `person` may change what is published of `views`, other than by promoting them.

    That needs no approval and may be done at any time, by a maintainer, or by a promoter of all of them.
    """
    is_maintainer = address(person.identity) in addresses(policy.maintainers)
    return _promoters(policy, views, person, () if is_maintainer else _bindings(policy, views))


@dataclass(frozen=True, slots=True)
class _Binding:
    """A rule, how people call it, and which of the promoted views it binds."""

    rule: PolicyRule
    label: str
    views: tuple[str, ...]


def _bindings(policy: PolicySettings, views: Sequence[str]) -> Iterator[_Binding]:
    for number, rule in enumerate(policy.rules, start=1):
        bound = tuple(view for view in views if fits(view, rule.views))
        if bound:
            yield _Binding(rule, f"rule {number} ({', '.join(rule.views)})", bound)


def _promoters(
    policy: PolicySettings, views: Sequence[str], person: Person, bindings: Iterable[_Binding]
) -> GateResult:
    who = address(person.identity)
    if who is None:
        return GateResult(
            "promoters",
            passed=False,
            detail=f"{person.identity!r} does not have a name and an e-mail address",
            remedy="Set your address: git config user.email you@example.org.",
        )
    if person.doubt:
        return GateResult(
            "promoters",
            passed=False,
            detail=f"git says that {person.identity} runs this command, but this is not proven: {person.doubt}",
            remedy=f"Sign with a key that {policy.allowed_signers} on main lists for {who}: git config "
            "gpg.format ssh, and git config user.signingkey ~/.ssh/id_ed25519.pub.",
        )
    refusals = [
        f"{bound.label}: {', '.join(bound.views)} may be promoted by {one_of(bound.rule.promoters)}"
        for bound in bindings
        if bound.rule.promoters and who not in addresses(bound.rule.promoters)
    ]
    if refusals:
        return GateResult(
            "promoters",
            passed=False,
            detail=f"{person.identity} may not change the published versions of {', '.join(views)}",
            remedy="Ask one of them; [[policy.rules]] in workbench.toml on main lists who may.",
            failures=tuple(refusals),
        )
    return GateResult("promoters", passed=True, detail=f"{person.identity} may promote")


def _approvals(policy: PolicySettings, views: Sequence[str], promoter: Person, voices: ApprovalCount) -> GateResult:
    refusals, counted = [], set[str]()
    for bound in _bindings(policy, views):
        heard = voices.of(bound.views, among=[*bound.rule.approvers, *bound.rule.owners])
        counted |= {voice.email for voice in heard}
        refusals += [f"{bound.label}: {text}" for text in _missing(bound.rule, heard, promoter.identity, voices)]
    notes = tuple(f"not counted: {note}" for note in voices.not_counted.values())
    if refusals:
        return GateResult(
            "approvals",
            passed=False,
            detail=f"{len(refusals)} of the rules {'needs' if len(refusals) == 1 else 'need'} another approval",
            remedy=f"Ask them to run `approve --branch <the branch>` on this commit{_signed_too(policy)}.",
            failures=(*refusals, *notes),
        )
    said = f"approved by {', '.join(sorted(counted))}" if counted else "no rule requires one"
    return GateResult("approvals", passed=True, detail=said, failures=notes)


def _missing(rule: PolicyRule, heard: Sequence[Voice], promoter: str, voices: ApprovalCount) -> Iterator[str]:
    """Yield what `rule` still lacks."""
    wanted = rule.approvals - len(heard)
    if wanted > 0:
        able = addresses([*rule.approvers, *rule.owners]) - voices.involved - {voice.email for voice in heard}
        whose = one_of(sorted(able)) or ("no listed approver is left besides the promoter and the authors")
        if not rule.approvers and not rule.owners:
            whose = "anyone except the promoter and the authors"
        yield f"{len(heard)} of {rule.approvals} approvals; could approve: {whose}"
    owners = addresses(rule.owners)
    if owners and address(promoter) not in owners and not owners & {voice.email for voice in heard}:
        yield f"one of its owners must promote or approve: {one_of(sorted(owners))}"


def _signed_too(policy: PolicySettings) -> str:
    return ", signed with a key that main lists" if policy.require_signed else ""


def _freeze(policy: PolicySettings, views: Sequence[str], now: datetime) -> GateResult:
    refusals = []
    for freeze in policy.freezes:
        held = [view for view in views if fits(view, freeze.views)]
        if held and is_frozen(freeze, now):
            refusals.append(f"the freeze {freeze.name!r} holds {', '.join(held)} {thaws(freeze)}")
    if refusals:
        return GateResult(
            "freeze",
            passed=False,
            detail="; ".join(refusals),
            remedy="Promote after the freeze; a rollback is possible at any time.",
            failures=tuple(refusals),
        )
    return GateResult("freeze", passed=True, detail="no freeze applies")


def _train(policy: PolicySettings, views: Sequence[str], now: datetime) -> GateResult:
    refusals, taken = [], set[str]()
    for view in views:
        trains = [train for train in policy.trains if fits(view, train.views)]
        running = [train.name for train in trains if is_open(train, now)]
        taken |= set(running[:1])
        if trains and not running:
            names = one_of(repr(train.name) for train in trains)
            start = next_departure(trains, now)
            opens = f"the next opens {start:%a %Y-%m-%d %H:%M} UTC" if start else "none of them opens again"
            refusals.append(f"{view} waits for the train {names}; {opens}")
    if refusals:
        return GateResult(
            "train",
            passed=False,
            detail="; ".join(refusals),
            remedy="Promote then; a rollback is possible at any time.",
            failures=tuple(refusals),
        )
    return GateResult("train", passed=True, detail=f"on the train {one_of(sorted(taken))}" if taken else "at any time")


def _signatures(policy: PolicySettings, said: CommitEvidence) -> GateResult:
    if not policy.require_signed:
        return GateResult("signatures", passed=True, applies=False, detail="not required by [policy] on main")
    refusals = tuple(
        f"{change.id[:10]} ({change.subject}) by {change.author} {why}"
        for change in said.changes
        if (why := unproven(said.signatures.get(change.id), change.author))
    )
    if refusals:
        return GateResult(
            "signatures",
            passed=False,
            detail=f"{len(refusals)} of {len(said.changes)} commits of the branch are not signed by their authors",
            remedy=f"Each author signs theirs with a key that {policy.allowed_signers} on main lists for them: git "
            "config commit.gpgsign true, then git rebase --force-rebase --gpg-sign main, on the branch.",
            failures=refusals,
        )
    return GateResult("signatures", passed=True, detail=f"{len(said.changes)} commits are signed by their authors")
