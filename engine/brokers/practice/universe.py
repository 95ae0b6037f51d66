"""What can be traded at the practice exchange: stocks, funds, option chains, price steps.

Well-known symbols carry the ids that Interactive Brokers gives them, the others count from
600000000; an option's id is 10⁹ + a hash of its local symbol, equal in every run.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256

from engine.brokers.practice.clock import DAY, new_york
from engine.brokers.practice.model import (
    ZERO,
    Chain,
    Contract,
    ContractDetails,
    MarketRule,
    Match,
    Refusal,
)
from engine.brokers.practice.sessions import Hall

CENT = Decimal("0.01")
_LOCAL = re.compile(r"[A-Z ]{6}[0-9]{6}[CP][0-9]{8}", re.ASCII)
_NOT_FOUND = "No security definition has been found for the request"
_AMBIGUOUS = (
    "The contract description specified for {0} is ambiguous."
    " You must specify the multiplier or trading class."
)
_STOCK_TYPES = "ACTIVETIM,ADJUST,ALERT,ALLOC,AON,COND,DAY,FOK,GTC,GTD,IOC,LMT,LOC,MKT,MOC,OPG"
_ORDER_TYPES = _STOCK_TYPES + ",STP,STPLMT,TRAIL,WHATIF"
_STOCK_VENUES = "SMART,AMEX,NYSE,CBOE,ARCA,NASDAQ,IEX"
_OPTION_VENUES = "SMART,AMEX,CBOE,PHLX,ISE,NASDAQOM"

RULES = {
    26: MarketRule(26, ((ZERO, CENT),)),
    32: MarketRule(32, ((ZERO, CENT), (Decimal(3), Decimal("0.05")))),
    109: MarketRule(109, ((ZERO, Decimal("0.0001")), (Decimal(1), CENT))),
}
"""The rules of price steps by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One stock or fund."""

    con_id: int
    symbol: str
    name: str
    primary: str = "NASDAQ"
    kind: str = "COMMON"  # COMMON, ETF
    industry: str = ""
    rule: int = 26
    chain: bool = False
    leverage: Decimal = Decimal(1)  # absolute daily multiple
    halted: bool = False


def _etf(con_id: int, symbol: str, name: str, primary: str = "ARCA", **more: object) -> Listing:
    return Listing(con_id=con_id, symbol=symbol, name=name, primary=primary, kind="ETF", **more)  # type: ignore[arg-type]


_THREE = Decimal(3)
LISTINGS = (
    _etf(756733, "SPY", "SPDR S&P 500 ETF TRUST", chain=True),
    _etf(320227571, "QQQ", "INVESCO QQQ TRUST SERIES 1", "NASDAQ", chain=True),
    Listing(con_id=265598, symbol="AAPL", name="APPLE INC", industry="Technology", chain=True),
    _etf(72539702, "TQQQ", "PROSHARES ULTRAPRO QQQ", "NASDAQ", chain=True, leverage=_THREE),
    _etf(600000000, "PSQ", "PROSHARES SHORT QQQ"),
    _etf(600000001, "TMF", "DIREXION DAILY 20+ YEAR BULL 3X", leverage=_THREE),
    _etf(600000002, "TMV", "DIREXION DAILY 20+ YEAR BEAR 3X", leverage=_THREE),
    _etf(600000003, "TLT", "ISHARES 20+ YEAR TREASURY BOND", "NASDAQ"),
    _etf(600000004, "IWM", "ISHARES RUSSELL 2000 ETF"),
    _etf(600000005, "GLD", "SPDR GOLD SHARES"),
    Listing(con_id=600000006, symbol="MSFT", name="MICROSOFT CORP", industry="Technology"),
    Listing(con_id=600000007, symbol="NVDA", name="NVIDIA CORP", industry="Technology"),
    Listing(
        con_id=600000008, symbol="KO", name="COCA-COLA CO", primary="NYSE", industry="Consumer"
    ),
    Listing(
        con_id=600000009, symbol="JPM", name="JPMORGAN CHASE", primary="NYSE", industry="Financial"
    ),
    Listing(con_id=600000010, symbol="AMZN", name="AMAZON.COM INC", industry="Consumer"),
    Listing(con_id=600000011, symbol="GOOGL", name="ALPHABET INC-CL A", industry="Technology"),
    Listing(con_id=600000012, symbol="XOM", name="EXXON MOBIL CORP", primary="NYSE"),
    Listing(con_id=600000013, symbol="PNNY", name="PENNY MINING CORP", primary="AMEX", rule=109),
    Listing(con_id=600000014, symbol="TWIN", name="TWIN HOLDINGS INC", primary="NYSE"),
    Listing(con_id=600000015, symbol="TWIN", name="TWIN RESOURCES CORP", primary="AMEX"),
    Listing(con_id=600000016, symbol="HALT", name="HALTED INDUSTRIES INC", halted=True),
)
"""Every stock; TWIN is ambiguous without its primary exchange, HALT never trades."""


@dataclass(frozen=True, slots=True)
class Traded:
    """A contract in full, and what the market must know of it."""

    contract: Contract
    listing: Listing  # of the stock itself, or of the option's underlying
    multiplier: Decimal = Decimal(1)
    expires: date | None = None  # options only

    @property
    def is_option(self) -> bool:
        """Say whether it is an option."""
        return self.expires is not None

    def has_ended(self, day: date) -> bool:
        """Say whether it is an option whose last session is over once that of a day is."""
        return self.expires is not None and self.expires <= day

    @property
    def rule(self) -> MarketRule:
        """Return its rule of price steps."""
        return RULES[32 if self.is_option else self.listing.rule]


def step_at(rule: MarketRule, price: Decimal) -> Decimal:
    """Return the price step at a price: that of the last low edge not above it."""
    size = abs(price)
    return [step for edge, step in rule.steps if edge <= size][-1]


def fits(rule: MarketRule, price: Decimal) -> bool:
    """Say whether a price stands on a rule's steps."""
    return price % step_at(rule, price) == ZERO


@dataclass(slots=True)
class Board:
    """The option series of one underlying on one day: expirations and strikes."""

    listing: Listing
    expirations: tuple[date, ...]
    strikes: tuple[Decimal, ...]


@dataclass(slots=True)
class Universe:
    """Finds contracts. `reference` gives the price around which strikes are listed."""

    hall: Hall
    extra: Sequence[Listing] = ()  # symbols that recorded bars bring along
    _stocks: dict[int, Traded] = field(default_factory=dict)
    _options: dict[int, Traded] = field(default_factory=dict)
    _boards: dict[str, tuple[date, Board]] = field(default_factory=dict)
    _listed_boards: dict[str, Board] = field(default_factory=dict)  # every contract is known

    def __post_init__(self) -> None:
        """List the stocks."""
        known = {listing.symbol for listing in LISTINGS}
        for listing in (*LISTINGS, *(one for one in self.extra if one.symbol not in known)):
            self._stocks[listing.con_id] = Traded(_stock(listing), listing)

    def traded(self, con_id: int) -> Traded | None:
        """Return a contract by id; None for one never heard of."""
        return self._stocks.get(con_id) or self._options.get(con_id)

    def listing(self, symbol: str) -> Listing | None:
        """Return the first stock of a symbol."""
        return next((t.listing for t in self._stocks.values() if t.listing.symbol == symbol), None)

    def find(self, asked: Contract, at: datetime, price: Decimal | None) -> list[Traded]:
        """Return what fits a description; price: of the underlying, for an option's strikes."""
        if asked.con_id:
            known = self.traded(asked.con_id) or self._listed(asked, at, price)
            if known is None or known.has_ended(new_york(at).date() - DAY):
                return []
            return [known] if _agrees(known, asked) else []
        if asked.sec_type == "STK":
            return [
                t
                for t in self._stocks.values()
                if (asked.symbol or asked.local_symbol) == t.contract.symbol and _agrees(t, asked)
            ]
        if asked.sec_type == "OPT":
            return [t for t in self._series(asked, at, price) if _agrees(t, asked)]
        return []

    def qualify(self, found: Sequence[Traded], asked: Contract) -> Traded | Refusal:
        """Return the one contract found, or why there is none."""
        if not found:
            return Refusal(200, _NOT_FOUND)
        if len(found) > 1:
            return Refusal(200, _AMBIGUOUS.format(asked.symbol or asked.local_symbol))
        return found[0]

    def details(self, traded: Traded, at: datetime) -> ContractDetails:
        """Return everything about one contract."""
        listing, contract = traded.listing, traded.contract
        venues = _OPTION_VENUES if traded.is_option else _stock_venues(listing)
        rule = traded.rule
        base = ContractDetails(
            contract=contract,
            min_tick=min(step for _, step in rule.steps),
            market_name=contract.trading_class,
            order_types=_ORDER_TYPES,
            valid_exchanges=venues,
            market_rule_ids=",".join(str(rule.rule_id) for _ in venues.split(",")),
            long_name=listing.name,
            trading_hours=self.hall.text(at, liquid=traded.is_option),
            liquid_hours=self.hall.text(at, liquid=True),
            industry=listing.industry,
            stock_type="" if traded.is_option else listing.kind,
        )
        if traded.expires is None:
            return replace(base, sec_ids=(("ISIN", _isin(contract)),))
        return replace(
            base,
            under_con_id=listing.con_id,
            under_symbol=listing.symbol,
            under_sec_type="STK",
            contract_month=contract.expiry[:6],
            real_expiration_date=contract.expiry,
            suggested_size_increment=Decimal(1),
        )

    def search(self, pattern: str) -> list[Match]:
        """Return stocks whose symbol, or a word of whose name, begins with a pattern."""
        wanted = pattern.strip().upper()
        if not wanted:
            return []
        fitting = [
            t.listing
            for t in self._stocks.values()
            if any(word.startswith(wanted) for word in (t.listing.symbol, *t.listing.name.split()))
        ]
        fitting.sort(
            key=lambda one: (one.symbol != wanted, not one.symbol.startswith(wanted), one.symbol)
        )
        return [
            Match(
                contract=self._stocks[one.con_id].contract,
                derivatives=("OPT",) if one.chain else (),
                description=one.name,
            )
            for one in fitting[:16]
        ]

    def board(self, symbol: str, at: datetime, price: Decimal) -> Board | None:
        """Return the option series of an underlying as listed that day; None without any."""
        listing = self.listing(symbol)
        if listing is None or not listing.chain:
            return None
        day = new_york(at).date()
        known = self._boards.get(symbol)
        if known is None or known[0] != day:
            known = (day, Board(listing, tuple(_expirations(day, self.hall)), _strikes(price)))
            self._boards[symbol] = known
        return known[1]

    def chain(self, board: Board) -> list[Chain]:
        """Return a board as the chains of two exchanges."""
        return [
            Chain(
                exchange=exchange,
                under_con_id=board.listing.con_id,
                trading_class=board.listing.symbol,
                multiplier="100",
                expirations=tuple(f"{day:%Y%m%d}" for day in board.expirations),
                strikes=board.strikes,
            )
            for exchange in ("SMART", "CBOE")
        ]

    def revive(self, contract: Contract) -> Traded | None:
        """Make an option known again by its full description: after a restart, an old strike."""
        known = self.traded(contract.con_id)
        if known is None and contract.sec_type == "OPT":
            listing = self.listing(contract.symbol)
            if listing is not None and contract.right:
                day = datetime.strptime(contract.expiry, "%Y%m%d").date()  # noqa: DTZ007
                known = self._option(listing, day, contract.strike, contract.right)
        return known

    def _listed(self, asked: Contract, at: datetime, price: Decimal | None) -> Traded | None:
        """Find an option by its id among those listed today."""
        for symbol in [asked.symbol] if asked.symbol else [t.symbol for t in LISTINGS if t.chain]:
            board = self.board(symbol, at, price) if price is not None else None
            if board is not None and board is not self._listed_boards.get(symbol):
                self._listed_boards[symbol] = board
                for _ in self._all(board):
                    pass
        return self._options.get(asked.con_id)

    def _all(self, board: Board) -> Iterator[Traded]:
        for day in board.expirations:
            for strike in board.strikes:
                for right in "CP":
                    yield self._option(board.listing, day, strike, right)

    def _series(self, asked: Contract, at: datetime, price: Decimal | None) -> Iterator[Traded]:
        symbol = asked.symbol or asked.local_symbol[:6].strip()
        board = self.board(symbol, at, price) if price is not None else None
        if board is None:
            return
        if _LOCAL.fullmatch(asked.local_symbol):
            asked = replace(
                asked,
                expiry="20" + asked.local_symbol[6:12],
                right=asked.local_symbol[12],
                strike=Decimal(asked.local_symbol[13:]) / 1000,
            )
        for day in board.expirations:
            if not f"{day:%Y%m%d}".startswith(asked.expiry):
                continue
            for strike in board.strikes:
                if asked.strike and strike != asked.strike:
                    continue
                for right in "CP":
                    if not asked.right or asked.right.startswith(right):
                        yield self._option(board.listing, day, strike, right)

    def _option(self, listing: Listing, day: date, strike: Decimal, right: str) -> Traded:
        contract = _option(listing, day, strike, right)
        known = self._options.get(contract.con_id)
        while known is not None and known.contract.local_symbol != contract.local_symbol:
            contract = replace(contract, con_id=contract.con_id + 1)  # two hashes met
            known = self._options.get(contract.con_id)
        if known is None:
            known = Traded(contract, listing, Decimal(100), day)
            self._options[contract.con_id] = known
        return known


def _stock(listing: Listing) -> Contract:
    return Contract(
        con_id=listing.con_id,
        symbol=listing.symbol,
        sec_type="STK",
        exchange="SMART",
        primary_exchange=listing.primary,
        currency="USD",
        local_symbol=listing.symbol,
        trading_class="NMS" if listing.primary == "NASDAQ" else listing.symbol,
    )


def _option(listing: Listing, day: date, strike: Decimal, right: str) -> Contract:
    local = f"{listing.symbol:<6}{day:%y%m%d}{right}{int(strike * 1000):08d}"
    return Contract(
        con_id=option_id(local),
        symbol=listing.symbol,
        sec_type="OPT",
        expiry=f"{day:%Y%m%d}",
        strike=strike,
        right=right,
        multiplier="100",
        exchange="SMART",
        currency="USD",
        local_symbol=local,
        trading_class=listing.symbol,
    )


def option_id(local_symbol: str) -> int:
    """Return the id of an option: 10⁹ + hash of the local symbol mod 10⁹, fit for 31 bits."""
    digest = sha256(local_symbol.encode()).digest()
    return 10**9 + int.from_bytes(digest[:8], "big") % 10**9


def _stock_venues(listing: Listing) -> str:
    names = _STOCK_VENUES.split(",")
    return ",".join(names if listing.primary in names else [*names, listing.primary])


def _isin(contract: Contract) -> str:
    return f"US{contract.con_id:09d}0"[:12]


def _agrees(known: Traded, asked: Contract) -> bool:
    """Say whether a contract has everything that a question names."""
    own = known.contract
    pairs = (
        (asked.symbol, own.symbol),
        (asked.sec_type, own.sec_type),
        (asked.currency, own.currency),
        (asked.multiplier, own.multiplier or asked.multiplier),
        (asked.local_symbol, own.local_symbol),
        (asked.trading_class, own.trading_class),
        (asked.primary_exchange, own.primary_exchange or asked.primary_exchange),
    )
    if any(wanted and wanted != has for wanted, has in pairs):
        return False
    if known.is_option:
        return (
            (not asked.strike or asked.strike == own.strike)
            and own.expiry.startswith(asked.expiry)
            and (not asked.right or asked.right[0] == own.right)
        )
    names = _stock_venues(known.listing).split(",")
    return not asked.exchange or asked.exchange in names or asked.exchange == "ISLAND"


def _expirations(day: date, hall: Hall) -> list[date]:
    """Return 8 Fridays, 12 third Fridays and 2 Januaries, moved before a holiday."""
    friday = day + timedelta(days=(4 - day.weekday()) % 7)
    found = {friday + timedelta(weeks=n) for n in range(8)}
    thirds: list[date] = []
    month = date(day.year, day.month, 1)
    while len(thirds) < 12 or sum(one.month == 1 for one in thirds) < 2:
        third = month + timedelta(days=(4 - month.weekday()) % 7 + 14)
        if third >= day:
            thirds.append(third)
        month = (month + timedelta(days=32)).replace(day=1)
    found.update(thirds[:12], [one for one in thirds if one.month == 1][:2])
    moved = {one if hall.calendar.is_session(one) else one - DAY for one in found}
    return sorted(one for one in moved if one >= day)


def _strikes(price: Decimal) -> tuple[Decimal, ...]:
    """Return strikes in steps of 1 within 10 %, 5 within 30 %, 10 within 60 % of a price."""
    middle = int(price.to_integral_value(ROUND_HALF_UP))
    found: set[int] = set()
    for step, share in ((1, Decimal("0.1")), (5, Decimal("0.3")), (10, Decimal("0.6"))):
        low, high = int(price * (1 - share)), int(price * (1 + share))
        found.update(range(-(-low // step) * step, high + 1, step))
    found.add(middle)
    return tuple(Decimal(n) for n in sorted(found) if n > 0)
