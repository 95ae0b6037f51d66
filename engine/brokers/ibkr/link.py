"""The link to the gateway as a state machine: pure, one for each connection.

    DOWN     timer                              TCP
    TCP      ids and accounts                   READY, epoch + 1; a failed gate stops
    TCP      326, close, time-out               DOWN
    READY    upstream reached                   SYNCING
    SYNCING  everything answered                LIVE
    SYNCING  a query failed                     again after 5 s, the third time close
    LIVE     1101, 1102, a lost frame           SYNCING
    any      close, heartbeat                   DOWN

The machine says what to do (`Do`); whoever owns it does it, and tells what came of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from random import Random

from engine.brokers.ibkr.codes import CODES, Reaction, advice, is_read_only
from engine.brokers.ibkr.rhythm import (
    STORED_AT,
    in_blackout,
    in_reset,
    is_past,
    login_ended,
    wants_login,
)
from engine.brokers.ibkr.terms import Terms
from engine.domain.link import Link, LinkState

_S, _R = LinkState, Reaction
_TOLD_ATTEMPTS = 3
_QUOTES_BROKEN = 2103
_HOUR = timedelta(hours=1)
_LOGIN_LASTS = timedelta(hours=2)  # after its end, at most: the reset of the weekend
_OTHER_MARKETS = ("cash", "eu", "jfarm", "hfarm", "asia")
"""Farms whose prices are not those of shares in dollars."""


class Act(Enum):
    """What the owner has to do."""

    CONNECT = "connect"
    SYNC = "sync"
    STORE = "store"  # ask for the day's facts once more; nothing waits for it
    CLOSE = "close"
    RESUBSCRIBE = "resubscribe"
    PAUSE = "pause"  # no message for a while
    STOP = "stop"  # never again without a person
    ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Do:
    """One act, after some seconds; `text` is for people."""

    act: Act
    after_s: float = 0.0
    text: str = ""
    kind: str = "link"  # of an alert
    mild: bool = False  # an alert that may wait for a person's time


Acts = Sequence[Do]


def gate(*, live: bool, account: str, managed: Sequence[str]) -> tuple[str, str] | None:
    """Return why this account must not be traded in this mode, (reason, text), or None.

    Accounts of paper trading begin with D. Ports decide nothing.
    """
    is_paper = account.startswith("D")
    mode = "live" if live else "paper"
    if live is is_paper:
        kind = "a paper account" if is_paper else "a live account"
        return "MODE_GATE", f"mode is {mode}, but ibkr.account = {account} is {kind}"
    if account not in managed:
        known = ", ".join(managed) or "none"
        return "ACCOUNT_MISMATCH", f"ibkr.account = {account}, but this login manages {known}"
    return None


class LinkMachine:
    """State of one connection, and what its events lead to."""

    def __init__(self, terms: Terms, client_id: int, *, trades: bool = True) -> None:
        """`trades`: the connection for orders, with gates and a sync; else one for data."""
        self._terms = terms
        self._times = terms.timings
        self._client_id = client_id
        self._trades = trades
        self._chance = Random(client_id)
        self.state = _S.DOWN
        self.epoch = 0
        self.upstream = True
        self.farms: dict[str, int] = {}  # broken ones by name, with the code that said so
        self.farm_states: dict[str, str] = {}  # all that were heard of: OK, BROKEN, IDLE
        self.barred: tuple[str, str] | None = None  # a failed gate
        self.read_only = ""
        self.blackout = False
        self._in_reset = False
        self.next_order_id = 1
        self.text = ""
        self._attempts = 0
        self._clashes = 0
        self._failed_syncs = 0
        self._breaches: list[float] = []
        self._competed_at: float | None = None
        self._down_since: float | None = None
        self._has_alarmed = False
        self._looked_at: datetime | None = None
        self._up_at: datetime | None = None  # when the link was last seen up
        self._login_told_at: datetime | None = None

    @property
    def link(self) -> Link:
        """The link as the core knows it; of a long outage it is not told each attempt."""
        is_again = self.state is _S.TCP and self._attempts > _TOLD_ATTEMPTS
        return Link(
            state=_S.DOWN if is_again else self.state,
            epoch=self.epoch,
            upstream=self.upstream,
            reason=self.reason,
            next_order_id=self.next_order_id,
            account=self._terms.account,
            planned=self.blackout or self._in_reset,
            text=self.text,
        )

    @property
    def reason(self) -> str:
        """The first thing that forbids sending, empty if nothing does."""
        if self.barred is not None:
            return self.barred[0]
        if self.read_only:
            return "READ_ONLY"
        if self.state in (_S.DOWN, _S.TCP):
            return "LINK_DOWN"
        if not self.upstream:
            return "UPSTREAM_DOWN"
        if self.blackout:
            return "BLACKOUT"
        return "" if self.state is _S.LIVE else "SYNCING"

    @property
    def tries(self) -> int:
        """Attempts since it was up; 0 while it is."""
        return self._attempts if self.state in (_S.DOWN, _S.TCP) else 0

    @property
    def is_stopped(self) -> bool:
        """Say whether a person has to act before another attempt is made."""
        return self.barred is not None

    # -- connecting --------------------------------------------------------------------------

    def dialing(self) -> None:
        """An attempt begins."""
        self._attempts += 1
        self.state = _S.TCP
        self.farms.clear()  # here: the gateway tells of its farms before ids and accounts
        self.farm_states.clear()
        self.text = f"{self._terms.where}, attempt {self._attempts}"

    def connected(self, accounts: Sequence[str], next_order_id: int) -> Acts:
        """Ids and accounts have come."""
        self.epoch += 1
        self.state = _S.READY
        self.upstream = True
        self.read_only = ""
        self.next_order_id = next_order_id
        self.text = f"{self._terms.where}, client id {self._client_id}"
        self._attempts = self._clashes = self._failed_syncs = 0
        if self._trades:
            terms = self._terms
            self.barred = gate(live=terms.live, account=terms.account, managed=accounts)
        if self.barred is not None:
            self.state = _S.DOWN
            self.text = self.barred[1]
            return (Do(Act.STOP, text=self.barred[1]),)
        return self._sync()

    def refused(self, text: str, *, clash: bool = False) -> Acts:
        """An attempt came to nothing."""
        self.state = _S.DOWN
        self.text = text
        if not clash:
            return (Do(Act.CONNECT, self._delay(), text),)
        self._clashes += 1
        times = self._times
        wait = times.clash_again + self._chance.uniform(-1, 1) * times.clash_jitter
        again = Do(Act.CONNECT, wait, text)
        if self._clashes == times.clash_tries:
            said = f"{text}: {self._clashes} times; nothing is sent until it is free"
            return (again, Do(Act.ALERT, text=f"{said}. {advice(326)}"))
        return (again,)

    def closed(self, text: str) -> Acts:
        """The connection is gone."""
        self.farm_states.clear()
        if self.state is _S.DOWN:
            return ()
        self.state = _S.DOWN
        self.text = text
        return () if self.is_stopped else (Do(Act.CONNECT, self._delay(), text),)

    def _delay(self) -> float:
        times = self._times
        wait = min(times.back_off_cap, times.back_off * 2.0 ** max(0, self._attempts - 1))
        return wait * (1 + 0.2 * self._chance.random())

    # -- comparing ---------------------------------------------------------------------------

    def _sync(self) -> Acts:
        if not self.upstream:
            self.state = _S.READY
            return ()
        self.state = _S.SYNCING
        return (Do(Act.SYNC),)

    def synced(self) -> Acts:
        """Every query was answered."""
        if self.state is not _S.SYNCING:
            return ()
        self.state = _S.LIVE
        self._failed_syncs = 0
        self.text = f"{self._terms.where}, client id {self._client_id}"
        return ()

    def sync_failed(self, text: str) -> Acts:
        """A query failed; nothing is known."""
        if self.state is not _S.SYNCING:
            return ()
        self._failed_syncs += 1
        self.text = text
        if self._failed_syncs >= self._times.sync_tries:
            return (Do(Act.CLOSE, text=f"{self._failed_syncs} failed comparisons: {text}"),)
        return (Do(Act.SYNC, self._times.sync_again, text),)

    def frame_lost(self) -> Acts:
        """A fact was lost: what is known has to be compared again."""
        return self._sync() if self.state is _S.LIVE and self._trades else ()

    # -- what happens meanwhile --------------------------------------------------------------

    def heard(self, code: int, text: str, now: float) -> Acts:
        """Take a message about the link or its data farms; `now` is monotonic."""
        if is_read_only(code, text) and self._trades:
            self.read_only = f"{code} {text}"
            self.text = f"{text}. {advice(321)}"
            return ()
        row = CODES.get(code)
        if row is None:
            return ()
        match row.reaction:
            case _R.UPSTREAM_LOST:
                self.upstream = False
                self.text = f"{code} {text}"
                if self.state is _S.SYNCING:
                    self.state = _S.READY
            case _R.UPSTREAM_BACK | _R.UPSTREAM_BACK_EMPTY:
                return self._upstream_back(code, text)
            case _R.PORT_CHANGED:
                self.barred = ("LINK_DOWN", f"{code} {text}")
                return (Do(Act.ALERT, text=f"{code} {text}"), Do(Act.STOP, text=text))
            case _R.PACE:
                return self._paced(text, now)
            case _R.FARM_BROKEN | _R.FARM_OK | _R.FARM_IDLE:
                return self._farm(code, text)
            case _R.BACK_OFF:
                return (Do(Act.CLOSE, text=f"{code} {text}"),)
            case _R.COMPETING:
                return self._competing(code, text, now)
            case _:
                pass
        return ()

    def _farm(self, code: int, text: str) -> Acts:
        """A farm breaks or comes back; after a break its streams are asked for anew."""
        # what stands behind the last colon; behind the last dot where a farm is idle
        name = text.replace(".", ":").rpartition(":")[2].strip()
        reaction = CODES[code].reaction
        self.farm_states[name] = reaction.name.removeprefix("FARM_")
        if reaction is _R.FARM_BROKEN:
            self.farms[name] = code
        elif reaction is _R.FARM_OK and self.farms.pop(name, None) is not None:
            return (Do(Act.RESUBSCRIBE, text=text),)
        return ()

    def _competing(self, code: int, text: str, now: float) -> Acts:
        """Told once a minute, not for each stream; nobody fights for the session."""
        if self._competed_at is not None and now - self._competed_at < 60:
            return ()
        self._competed_at = now
        return (Do(Act.ALERT, text=f"{code} {text}. {advice(code)}"),)

    @property
    def quotes_broken(self) -> str:
        """Why no quote of shares in dollars can be believed, empty while their farms work."""
        names = [name for name, code in self.farms.items() if code == _QUOTES_BROKEN]
        mine = [name for name in names if not name.startswith(_OTHER_MARKETS)]
        return f"the data farm {', '.join(mine)} is broken" if mine else ""

    def _upstream_back(self, code: int, text: str) -> Acts:
        self.upstream = True
        self.text = f"{code} {text}"
        if self.state not in (_S.READY, _S.SYNCING, _S.LIVE):
            return ()
        lost = CODES[code].reaction is _R.UPSTREAM_BACK_EMPTY
        return [*self._sync(), *([Do(Act.RESUBSCRIBE, text=text)] if lost else [])]

    def _paced(self, text: str, now: float) -> Acts:
        self._breaches = [*(at for at in self._breaches if now - at < 60), now]
        if len(self._breaches) >= 3:
            self._breaches.clear()
            return (Do(Act.CLOSE, text=f"100 {text}: the third time in a minute"),)
        return (Do(Act.PAUSE, 2.0, text), Do(Act.ALERT, text=f"100 {text}"))

    def clock(self, at: datetime) -> bool:
        """Look at the time; return whether the blackout began or ended."""
        before = self.blackout
        self.blackout = in_blackout(at, self._terms.restart_at)
        self._in_reset = in_reset(at, self._terms.reset_region)
        return before is not self.blackout

    def calendar(self, at: datetime) -> Acts:
        """Look at the week and the day: the login that a person renews, the end of the day."""
        before, self._looked_at = self._looked_at, at
        is_down = self.state in (_S.DOWN, _S.TCP)
        if not is_down:
            self._up_at, self._login_told_at = at, None
        if before is None or not self._trades:
            return ()
        acts: list[Do] = []
        if wants_login(before, at):
            text = f"log in to the gateway at {self._terms.where} anew before Sunday 01:00"
            acts.append(Do(Act.ALERT, text=f"{text} New York", kind="weekly_login", mild=True))
        if is_down and self._is_logged_out(at):
            self._login_told_at = at
            text = f"the week's login has ended, log in to the gateway at {self._terms.where}"
            acts.append(Do(Act.ALERT, text=text, kind="weekly_login"))
        if self.state is _S.LIVE and is_past(before, at, STORED_AT):
            acts.append(Do(Act.STORE))
        return acts

    def _is_logged_out(self, at: datetime) -> bool:
        """Down since the night in which logins end, and not told within the hour."""
        ended, told = login_ended(at), self._login_told_at
        if self._up_at is None or self._up_at >= ended + _LOGIN_LASTS or at < ended:
            return False
        return self._up_at < at - _HOUR if told is None else at - told >= _HOUR

    def overdue(self, now: float, at: datetime) -> Acts:
        """Raise the alarm when the broker is out of reach for long and not for its reset.

        A comparison neither ends that time nor raises the alarm: it is about to end, or it fails.
        """
        if self.reason not in ("LINK_DOWN", "UPSTREAM_DOWN", "SYNCING"):
            self._down_since, self._has_alarmed = None, False
            return ()
        if self._down_since is None:
            self._down_since = now
        since = now - self._down_since
        if self._has_alarmed or since < self._times.down_alarm or self.reason == "SYNCING":
            return ()
        if self.blackout or in_reset(at, self._terms.reset_region):
            return ()
        self._has_alarmed = True
        return (Do(Act.ALERT, text=f"{self.reason} for {since / 60:.0f} min: {self.text}"),)

    def took_id(self, broker_order_id: int) -> None:
        """An order id was seen in use: the next one is above it."""
        self.next_order_id = max(self.next_order_id, broker_order_id + 1)


def same(one: Link, other: Link) -> bool:
    """Say whether two links differ in words, the next order id and the hour only."""
    return _bare(one) == _bare(other)


def _bare(link: Link) -> Link:
    return replace(link, text="", next_order_id=1, planned=False)
