"""Golden values for tests/golden.rs, by the definitions alone and with nothing but Python's standard library.

    python3 make.py        writes candles.csv, live.csv and expected.json beside it

It shares no code and no formula shortcut with the crate: every window is summed afresh, every figure is computed from
the whole series, and the live figures are exact fractions until the last step.
"""

import csv
import json
import math
import random
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent
HOUR = 3_600_000
START = 1_672_531_200_000
DAY = 86_400_000


def candles(count):
    """Seeded hourly candles with flat stretches, a gap of 30 hours and prices of two decimals."""
    rng = random.Random(20230101)
    rows, price, hour = [], 100.0, 0
    for i in range(count):
        hour += 31 if i == 150 else 1
        flat = i % 37 in (5, 6, 7)
        opened = price
        closed = opened if flat else round(opened * (1 + rng.gauss(0, 0.012)), 2)
        high = round(max(opened, closed) * (1 + rng.random() * 0.003), 2)
        low = round(min(opened, closed) * (1 - rng.random() * 0.003), 2)
        volume = round(rng.expovariate(1 / 20), 3)
        rows.append((START + hour * HOUR, opened, high, low, closed, volume))
        price = closed
    return rows


def mean(values):
    return math.fsum(values) / len(values)


def sma(values, n):
    return [None if i < n - 1 else mean(values[i - n + 1 : i + 1]) for i in range(len(values))]


def ema_from(values, n, first):
    """Seeded with the mean of the n values that end at index `first`."""
    out = [None] * len(values)
    out[first] = mean(values[first - n + 1 : first + 1])
    for i in range(first + 1, len(values)):
        out[i] = out[i - 1] + (values[i] - out[i - 1]) * 2 / (n + 1)
    return out


def wilder(values, n, first):
    """Mean of values[1..n], then (average·(n−1) + value) / n."""
    out = [None] * len(values)
    out[first] = mean(values[first - n + 1 : first + 1])
    for i in range(first + 1, len(values)):
        out[i] = (out[i - 1] * (n - 1) + values[i]) / n
    return out


def rsi(closes, n):
    changes = [0.0] + [b - a for a, b in zip(closes, closes[1:])]
    gains = wilder([max(c, 0) for c in changes], n, n)
    losses = wilder([max(-c, 0) for c in changes], n, n)
    return [None if g is None else 50.0 if g + l == 0 else 100 * g / (g + l) for g, l in zip(gains, losses)]


def macd(closes, fast, slow, signal):
    quick, late = ema_from(closes, fast, slow - 1), ema_from(closes, slow, slow - 1)
    line = [None if q is None else q - l for q, l in zip(quick, late)]
    known = [v for v in line if v is not None]
    smooth = [None] * (slow - 1) + ema_from(known, signal, signal - 1)
    histogram = [None if s is None else m - s for m, s in zip(line, smooth)]
    return [m if h is not None else None for m, h in zip(line, histogram)], smooth, histogram


def bands(closes, n, width):
    middle, upper, lower = sma(closes, n), [], []
    for i, m in enumerate(middle):
        deviation = None if m is None else math.sqrt(mean([(c - m) ** 2 for c in closes[i - n + 1 : i + 1]]))
        upper.append(None if m is None else m + width * deviation)
        lower.append(None if m is None else m - width * deviation)
    return upper, middle, lower


def atr(rows, n):
    ranges = [0.0]
    for before, row in zip(rows, rows[1:]):
        ranges.append(max(row[2] - row[3], abs(row[2] - before[4]), abs(row[3] - before[4])))
    return wilder(ranges, n, n)


def obv(rows):
    out = [rows[0][5]]
    for before, row in zip(rows, rows[1:]):
        out.append(out[-1] + row[5] * ((row[4] > before[4]) - (row[4] < before[4])))
    return out


def volatility(closes, n):
    returns = [0.0] + [b / a - 1 for a, b in zip(closes, closes[1:])]
    out = [None] * len(closes)
    for i in range(n, len(closes)):
        window = returns[i - n + 1 : i + 1]
        m = mean(window)
        out[i] = math.sqrt(math.fsum((r - m) ** 2 for r in window) / (n - 1))
    return out


def signals(kind, values, rows):
    closes = [row[4] for row in rows]
    enter, leave = set(), set()
    for i in range(1, len(rows)):
        if kind == "rsi":
            line = rsi(closes, values[0])
            a, b = line[i - 1], line[i]
            up = a is not None and a <= values[1] < b
            down = a is not None and a >= values[2] > b
        elif kind == "macd":
            line = macd(closes, *values)[2]
            a, b = line[i - 1], line[i]
            up = a is not None and a <= 0 < b
            down = a is not None and a >= 0 > b
        elif kind == "bollinger":
            _, middle, lower = bands(closes, *values)
            known = lower[i - 1] is not None
            up = known and closes[i - 1] < lower[i - 1] and closes[i] >= lower[i]
            down = known and closes[i] >= middle[i]
        else:
            average = sma([row[5] for row in rows], values[0])[i]
            much = average is not None and rows[i][5] > values[1] * average
            up, down = much and rows[i][4] > rows[i][1], much and rows[i][4] < rows[i][1]
        if up and not down:
            enter.add(i)
        if down and not up:
            leave.add(i)
    return enter, leave


def filled(rows, bar, latency):
    """Bar, moment and price of an order after the signal on the close of `bar`."""
    if bar + 1 >= len(rows):
        return None
    moment = rows[bar + 1][0] + latency
    for i in range(bar + 1, len(rows)):
        if moment < rows[i][0] + HOUR:
            at = max(moment, rows[i][0])
            return i, at, rows[i][1] + (rows[i][4] - rows[i][1]) * (at - rows[i][0]) / HOUR
    return None


def backtest(kind, values, rows, fee, slippage, latency, cash=10_000.0):
    enter, leave = signals(kind, values, rows)
    orders, wanted = {}, False
    for i in range(len(rows)):
        if (i in enter and not wanted) or (i in leave and wanted):
            wanted = not wanted
            fill = filled(rows, i, latency)
            if fill:
                orders.setdefault(fill[0], []).append((wanted, fill))
    trades, equity, units, start, entry = [], [cash], 0.0, cash, None
    for i, row in enumerate(rows):
        for buy, (_, moment, price) in orders.get(i, []):
            if buy:
                paid = price * (1 + slippage)
                entry = (row[0], moment, paid, cash)
                units, cash = cash / (paid * (1 + fee)), 0.0
            else:
                got = price * (1 - slippage)
                cash = units * got * (1 - fee)
                fees = units * (entry[2] + got) * fee
                profit = cash - entry[3]
                trades.append((entry[0], row[0], entry[2], got, units, fees, profit, profit / entry[3], moment - entry[1]))
                units = 0.0
        equity.append(cash + units * row[4])
    return trades, equity


def ratios(returns, a_year):
    m, n = mean(returns), len(returns)
    deviation = math.sqrt(math.fsum((r - m) ** 2 for r in returns) / (n - 1))
    downside = math.sqrt(math.fsum(min(r, 0) ** 2 for r in returns) / n)
    return m / deviation * math.sqrt(a_year), m / downside * math.sqrt(a_year)


def figures(rows, trades, equity):
    returns = [b / a - 1 for a, b in zip(equity, equity[1:])]
    day_of = [(row[0] + HOUR - 1) // DAY for row in rows]
    closes, last = [], equity[0]
    for day in range(day_of[0], day_of[-1] + 1):
        of_day = [equity[i + 1] for i, d in enumerate(day_of) if d == day]
        last = of_day[-1] if of_day else last
        closes.append(last)
    days = [b / a - 1 for a, b in zip([equity[0]] + closes, closes)]
    sharpe, sortino = ratios(days, 365)
    sharpe_bar, sortino_bar = ratios(returns, 8760)
    profits = [t[6] for t in trades]
    falls = [1 - e / max(equity[: i + 1]) for i, e in enumerate(equity)]
    return {
        "trades": len(trades),
        "wins": sum(p > 0 for p in profits),
        "return_pct": (equity[-1] / equity[0] - 1) * 100,
        "average_profit_pct": mean([t[7] for t in trades]) * 100,
        "profit_factor": math.fsum(p for p in profits if p > 0) / -math.fsum(p for p in profits if p < 0),
        "expectancy": mean(profits),
        "max_drawdown_pct": max(falls) * 100,
        "sharpe": sharpe,
        "sortino": sortino,
        "sharpe_bar": sharpe_bar,
        "sortino_bar": sortino_bar,
        "average_duration_s": mean([t[8] for t in trades]) / 1000,
        "days": len(days),
        "fees": math.fsum(t[5] for t in trades),
        "final_equity": equity[-1],
    }


def live_trades(count):
    rng = random.Random(7)
    at, rows = 1_700_000_000_000_000, []
    for i in range(count):
        at += rng.choice([0, 1, 3_600_000_000, 50_000_000_000, 200_000_000_000])
        places = rng.choice([0, 2, 4, 8])
        profit = f"{rng.gauss(0.2, 3):.{places}f}"
        rows.append((at, i, profit, f"{rng.gauss(0.1, 2):.{rng.choice([1, 2, 6])}f}"))
    return rows


def live_figures(rows):
    profits = [Fraction(row[2]) for row in rows]
    pcts = [Fraction(row[3]) for row in rows]
    total, peak, fall = Fraction(0), Fraction(0), Fraction(0)
    for pct in pcts:
        total += pct
        peak = max(peak, total)
        fall = max(fall, peak - total)
    day_of = [row[0] * 1 // (DAY * 1000) for row in rows]
    days = [sum((p for p, d in zip(pcts, day_of) if d == day), Fraction(0)) for day in range(day_of[0], day_of[-1] + 1)]
    m = sum(days) / len(days)
    variance = sum((d - m) ** 2 for d in days) / (len(days) - 1)
    downside = sum(min(d, Fraction(0)) ** 2 for d in days) / len(days)
    won, lost = sum(p for p in profits if p > 0), -sum(p for p in profits if p < 0)
    return {
        "trades": len(rows),
        "wins": sum(p > 0 for p in profits),
        "losses": sum(p < 0 for p in profits),
        "draws": sum(p == 0 for p in profits),
        "win_rate_pct": float(Fraction(sum(p > 0 for p in profits) * 100, len(rows))),
        "average_profit_pct": float(total / len(rows)),
        "profit_e8": int(sum(profits) * 10**8),
        "return_pct": float(total),
        "best_trade_pct": float(max(pcts)),
        "worst_trade_pct": float(min(pcts)),
        "profit_factor": float(won / lost),
        "expectancy": float(sum(profits) / len(rows)),
        "max_drawdown_pct": float(fall),
        "sharpe": float(m) / math.sqrt(variance) * math.sqrt(365),
        "sortino": float(m) / math.sqrt(downside) * math.sqrt(365),
        "days": len(days),
    }


RUNS = [
    ("rsi", [7, 35, 60], 0.001, 0.0005, 0),
    ("rsi", [7, 35, 60], 0.0, 0.0, 5_400_000),
    ("macd", [5, 12, 4], 0.001, 0.0005, 0),
    ("bollinger", [10, 1.5], 0.002, 0.0, 900_000),
    ("volume", [10, 1.5], 0.001, 0.001, 40 * HOUR),
]


def main():
    rows, trades = candles(300), live_trades(250)
    with open(HERE / "candles.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("ts_ms", "open", "high", "low", "close", "volume"), *rows])
    with open(HERE / "live.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("closed_at_us", "position", "profit", "profit_pct"), *trades])
    closes, volumes = [r[4] for r in rows], [r[5] for r in rows]
    line, smooth, histogram = macd(closes, 12, 26, 9)
    upper, middle, lower = bands(closes, 20, 2)
    average = sma(volumes, 20)
    lines = {
        "rsi14": rsi(closes, 14), "macd": line, "macd_signal": smooth, "macd_hist": histogram,
        "bb_upper": upper, "bb_middle": middle, "bb_lower": lower, "atr14": atr(rows, 14),
        "sma20": sma(closes, 20), "ema20": ema_from(closes, 20, 19), "obv": obv(rows),
        "vol_ratio": [None if a is None else v / a for v, a in zip(volumes, average)],
        "volatility20": volatility(closes, 20),
    }
    runs = []
    for kind, values, fee, slippage, latency in RUNS:
        closed, equity = backtest(kind, values, rows, fee, slippage, latency)
        runs.append({
            "strategy": kind, "values": values, "fee_rate": fee, "slippage_bps": slippage * 10_000, "latency_ms": latency,
            "figures": figures(rows, closed, equity), "trades": [list(t[:8]) for t in closed],
        })
    first = {name: next(i for i, v in enumerate(values) if v is not None) for name, values in lines.items()}
    sampled = {name: {i: values[i] for i in range(first[name], len(rows), 7)} for name, values in lines.items()}
    expected = {"first": first, "lines": sampled, "runs": runs, "live": live_figures(trades)}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


main()
