"""What a randomizer may draw: distributions as data, with a support that can be read and moved.

In a config a distribution is written as

* a number, a string or a boolean: that value, always;
* ``[low, high]`` or ``{uniform: [low, high]}``;
* ``{log_uniform: [low, high]}``, ``{integer: [low, high]}`` (both ends included);
* ``{normal: {mean: m, std: s, low: a, high: b}}``: cut off at a and b;
* ``{choice: [a, b, c]}`` or ``{choice: {values: [a, b, c], weights: [1, 1, 2]}}``;
* ``{given: {of: light.elevation_deg, knots: [[0, 0.1], [90, 0.4]], spread: [-0.05, 0.05]}}`` or
  ``{given: {of: light.kind, cases: {spot: [5, 9], area: 3}, otherwise: [1, 2]}}``: depends on what
  another parameter became, see `simkit.dependencies`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr, ndtri

from simkit.errors import ConfigError, did_you_mean

Value = float | int | str | bool


class Distribution(ABC):
    """One value, drawn from a random stream."""

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Any:
        """Draw a value, as a plain Python number, string or boolean."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Return whether `value` lies in the support."""

    @property
    @abstractmethod
    def support(self) -> tuple[Any, ...]:
        """``(low, high)`` of a range, or all values of a `Choice` or `Constant`."""

    @abstractmethod
    def to_config(self) -> Any:
        """Return the plain data that `parse` turns into this distribution again."""

    @property
    def parts(self) -> tuple[Distribution, ...]:
        """The plain distributions that it may turn into; one that depends on nothing is its own."""
        return (self,)


class Range(Distribution):
    """A distribution of numbers from `low` to `high`."""

    low: float
    high: float

    @property
    def support(self) -> tuple[float, float]:
        return self.low, self.high

    def contains(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high

    def with_support(self, low: float, high: float) -> Range:
        """Return the same kind of distribution on another range."""
        return replace(self, low=low, high=high)  # type: ignore[type-var]

    def scaled(self, factor: float) -> Range:
        """Return it with a support `factor` times as wide about the same centre (0 < factor)."""
        if factor <= 0:
            raise ValueError(f"scaled: factor {factor} is not positive")
        centre, half = (self.low + self.high) / 2, (self.high - self.low) / 2 * factor
        return self.with_support(centre - half, centre + half)


@dataclass(frozen=True)
class Constant(Distribution):
    """Always the same value. Draws nothing from the stream."""

    value: Value

    def sample(self, rng: np.random.Generator) -> Value:
        return self.value

    def contains(self, value: Any) -> bool:
        return bool(value == self.value)

    @property
    def support(self) -> tuple[Any, ...]:
        return (self.value,)

    def to_config(self) -> Any:
        return self.value


@dataclass(frozen=True)
class Uniform(Range):
    """Uniform on [low, high]."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range("uniform", self.low, self.high)

    def sample(self, rng: np.random.Generator) -> float:
        return float(min(self.low + (self.high - self.low) * rng.random(), self.high))

    def to_config(self) -> Any:
        return {"uniform": [self.low, self.high]}


@dataclass(frozen=True)
class LogUniform(Range):
    """Uniform in the logarithm on [low, high], with low > 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range("log_uniform", self.low, self.high)
        if self.low <= 0:
            raise ConfigError(f"log_uniform: low {self.low} is not positive")

    def sample(self, rng: np.random.Generator) -> float:
        value = self.low * math.exp(math.log(self.high / self.low) * rng.random())
        return float(min(max(value, self.low), self.high))

    def scaled(self, factor: float) -> Range:
        """Return it with a support `factor` times as wide in the logarithm."""
        if factor <= 0:
            raise ValueError(f"scaled: factor {factor} is not positive")
        centre = math.sqrt(self.low * self.high)
        half = math.sqrt(self.high / self.low) ** factor
        return self.with_support(centre / half, centre * half)

    def to_config(self) -> Any:
        return {"log_uniform": [self.low, self.high]}


@dataclass(frozen=True)
class Normal(Range):
    """Normal with `mean` and `std` before it is cut off at [low, high]; one draw by the inverse CDF.

    A range beyond 37 standard deviations, where no float holds a probability, gives its nearer end.
    """

    mean: float
    std: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_range("normal", self.low, self.high)
        if not (math.isfinite(self.mean) and 0 < self.std < math.inf):
            raise ConfigError(
                f"normal: mean {self.mean} or std {self.std} is no finite, positive number"
            )

    def sample(self, rng: np.random.Generator) -> float:
        below, up_to, sign = self._tail()
        quantile = below + (up_to - below) * rng.random()
        value = self.mean + sign * self.std * float(ndtri(quantile))
        return float(min(max(value, self.low), self.high))

    def _tail(self) -> tuple[float, float, int]:
        """Return the CDF at both ends, taken on the side where it is precise, and that side's sign."""
        a, b = (self.low - self.mean) / self.std, (self.high - self.mean) / self.std
        return (ndtr(-b), ndtr(-a), -1) if a > 0 else (ndtr(a), ndtr(b), 1)

    def to_config(self) -> Any:
        return {"normal": {"mean": self.mean, "std": self.std, "low": self.low, "high": self.high}}


@dataclass(frozen=True)
class Integer(Range):
    """Uniform over the whole numbers from low to high, both included."""

    low: int
    high: int

    def __post_init__(self) -> None:
        _check_range("integer", self.low, self.high)
        if self.low != int(self.low) or self.high != int(self.high):
            raise ConfigError(f"integer: {self.low} to {self.high} are not whole numbers")

    def sample(self, rng: np.random.Generator) -> int:
        return int(rng.integers(int(self.low), int(self.high), endpoint=True))

    def contains(self, value: Any) -> bool:
        return super().contains(value) and value == int(value)

    def with_support(self, low: float, high: float) -> Range:
        """Return it on another range, rounded outwards to whole numbers."""
        return replace(self, low=math.floor(low), high=math.ceil(high))

    def to_config(self) -> Any:
        return {"integer": [self.low, self.high]}


@dataclass(frozen=True)
class Choice(Distribution):
    """One of `values`, with probabilities in proportion to `weights` (None: all alike)."""

    values: tuple[Value, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ConfigError("choice: give at least one value")
        if self.weights is None:
            return
        if len(self.weights) != len(self.values):
            raise ConfigError(f"choice: {len(self.values)} values but {len(self.weights)} weights")
        if min(self.weights) < 0 or not 0 < sum(self.weights) < math.inf:
            raise ConfigError(
                f"choice: weights {list(self.weights)} are negative or sum to nothing"
            )

    def sample(self, rng: np.random.Generator) -> Value:
        weights = np.ones(len(self.values)) if self.weights is None else np.array(self.weights)
        possible = np.flatnonzero(weights)
        edges = np.cumsum(weights[possible] / weights.sum())
        place = int(np.searchsorted(edges, rng.random(), side="right"))
        return self.values[possible[min(place, len(possible) - 1)]]

    def contains(self, value: Any) -> bool:
        return value in self.values

    @property
    def support(self) -> tuple[Any, ...]:
        return self.values

    def to_config(self) -> Any:
        if self.weights is None:
            return {"choice": list(self.values)}
        return {"choice": {"values": list(self.values), "weights": list(self.weights)}}


@dataclass(frozen=True)
class Given(Distribution):
    """A distribution that depends on the value of another parameter.

    Attributes:
        of: the other parameter, ``PLUGIN.KEY``.
        knots: (value of the other, value) in rising order; linear between them, level beyond.
        spread: (low, high) of a uniform draw that is added to what the knots give.
        cases: (value of the other, distribution), in place of knots.
        otherwise: for values that no case names.
    """

    of: str
    knots: tuple[tuple[float, float], ...] = ()
    spread: tuple[float, float] = (0.0, 0.0)
    cases: tuple[tuple[Value, Distribution], ...] = ()
    otherwise: Distribution | None = None

    def __post_init__(self) -> None:
        if bool(self.knots) == bool(self.cases):
            raise ConfigError(f"given: '{self.of}' needs either knots or cases")
        places = [place for place, _ in self.knots]
        if sorted(set(places)) != places:
            raise ConfigError(f"given: the knots' first numbers {places} do not rise")
        _check_range("given: spread", *self.spread)

    def bound(self, value: Value) -> Distribution:
        """Return the plain distribution for a value of the other parameter.

        Raises:
            ConfigError: the value is no number and knots need one, or no case names it.
        """
        if self.knots:
            if not _is_number(value):
                raise ConfigError(
                    f"given: {self.of} is {value!r}, no number; write cases, not knots"
                )
            places, values = np.array(self.knots, dtype=np.float64).T
            middle = float(np.interp(float(value), places, values))
            low, high = (middle + one for one in self.spread)
            return Uniform(low, high) if low < high else Constant(low)
        for case, distribution in self.cases:
            if case == value or str(case) == str(value):
                return distribution
        if self.otherwise is None:
            named = ", ".join(str(case) for case, _ in self.cases)
            raise ConfigError(
                f"given: {self.of} is {value!r}; the cases are {named}; add it, or 'otherwise'"
            )
        return self.otherwise

    def sample(self, rng: np.random.Generator) -> Any:
        raise ConfigError(f"a parameter depends on '{self.of}', which was not decided before it")

    @property
    def parts(self) -> tuple[Distribution, ...]:
        if self.knots:
            values = [value for _, value in self.knots]
            return (Uniform(min(values) + self.spread[0], max(values) + self.spread[1]),)
        return tuple(one for _, one in self.cases) + ((self.otherwise,) if self.otherwise else ())

    def contains(self, value: Any) -> bool:
        return any(part.contains(value) for part in self.parts)

    @property
    def support(self) -> tuple[Any, ...]:
        values = [value for part in self.parts for value in part.support]
        numbers = all(_is_number(value) for value in values)
        return (min(values), max(values)) if numbers else tuple(dict.fromkeys(values))

    def to_config(self) -> Any:
        if self.knots:
            knots = [list(knot) for knot in self.knots]
            return {"given": {"of": self.of, "knots": knots, "spread": list(self.spread)}}
        cases = {case: one.to_config() for case, one in self.cases}
        rest = {} if self.otherwise is None else {"otherwise": self.otherwise.to_config()}
        return {"given": {"of": self.of, "cases": cases, **rest}}


KINDS = ("uniform", "log_uniform", "integer", "normal", "choice", "given")


def parse(data: Any) -> Distribution:
    """Return the distribution that a config's plain data describes (forms in the module's docstring).

    Raises:
        ConfigError: the data is no distribution; the message says what is wrong with it.
    """
    if isinstance(data, Distribution):
        return data
    if isinstance(data, bool | int | float | str):
        return Constant(_finite(data))
    if isinstance(data, list | tuple):
        low, high = _pair("a list", data)
        return Uniform(low, high)
    if isinstance(data, dict) and len(data) == 1:
        ((kind, body),) = data.items()
        if kind in KINDS:
            return _parse_kind(kind, body)
        raise ConfigError(f"'{kind}' is no distribution; {did_you_mean(kind, KINDS)}")
    raise ConfigError(
        f"{data!r} is no distribution; give a value, [low, high], or one of {', '.join(KINDS)}"
    )


def _parse_kind(kind: str, body: Any) -> Distribution:
    if kind == "choice":
        return _parse_choice(body)
    if kind == "normal":
        return _parse_normal(body)
    if kind == "given":
        return _parse_given(body)
    low, high = _pair(kind, body)
    if kind == "integer":
        return Integer(low, high)  # type: ignore[arg-type]
    return LogUniform(low, high) if kind == "log_uniform" else Uniform(low, high)


def _parse_choice(body: Any) -> Choice:
    if isinstance(body, list | tuple):
        return Choice(tuple(body))
    if not isinstance(body, dict) or set(body) - {"values", "weights"} or "values" not in body:
        raise ConfigError(
            f"choice: {body!r} is neither a list nor {{values: [...], weights: [...]}}"
        )
    weights = body.get("weights")
    return Choice(tuple(body["values"]), None if weights is None else tuple(weights))


def _parse_normal(body: Any) -> Normal:
    keys = ("mean", "std", "low", "high")
    if not isinstance(body, dict) or set(body) != set(keys):
        raise ConfigError(f"normal: {body!r} must have just the keys {', '.join(keys)}")
    for key in keys:
        if not _is_number(body[key]):
            raise ConfigError(f"normal: {key} {body[key]!r} is no number")
    return Normal(**body)


def _parse_given(body: Any) -> Given:
    keys = ("of", "knots", "spread", "cases", "otherwise")
    if not isinstance(body, dict) or set(body) - set(keys) or not isinstance(body.get("of"), str):
        raise ConfigError(
            f"given: {body!r} is neither {{of: PLUGIN.KEY, knots: [[x, y], ...]}} nor "
            "{of: PLUGIN.KEY, cases: {value: distribution, ...}}"
        )
    cases = body.get("cases") or {}
    if not isinstance(cases, dict):
        raise ConfigError(f"given: cases {cases!r} are no mapping of values to distributions")
    parsed = {case: parse(one) for case, one in cases.items()}
    rest = parse(body["otherwise"]) if "otherwise" in body else None
    if any(isinstance(one, Given) for one in (*parsed.values(), rest)):
        raise ConfigError("given: a case cannot depend on a further parameter")
    knots = tuple(_pair("given: a knot", knot) for knot in body.get("knots") or ())
    spread = _pair("given: spread", body.get("spread", (0.0, 0.0)))
    return Given(body["of"], knots, spread, tuple(parsed.items()), rest)


def _pair(kind: str, body: Any) -> tuple[float, float]:
    if not isinstance(body, list | tuple) or len(body) != 2 or not all(map(_is_number, body)):
        raise ConfigError(f"{kind}: {body!r} is not [low, high] with two numbers")
    return body[0], body[1]


def _check_range(kind: str, low: float, high: float) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ConfigError(f"{kind}: {low} to {high} is not finite")
    if low > high:
        raise ConfigError(f"{kind}: low {low} is above high {high}; swap them")


def _finite(value: Value) -> Value:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{value} is not finite")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
