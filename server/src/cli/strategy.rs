//! `strategies show`: one strategy in words, with how near each limit is.

use serde_json::{Value, json};

use super::{
    output::{Column, Table, left, right},
    strategies::why,
    words,
};

const LIMITS: [Column; 5] = [
    left("LIMIT", |rule| words::text(&rule["limit"])),
    left("NOW", |rule| words::text(&rule["now"])),
    left("HALTS", |rule| words::text(&rule["halts"])),
    right("TRADES", |rule| words::text(&rule["trades"])),
    left("SET IN", |rule| words::text(&rule["set_in"])),
];

/// A strategy; `now` begins with the day of today.
pub(super) fn in_words(strategy: &Value, now: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        head(strategy).into_iter().map(|(name, text)| format!("{name:<11}  {text}")).collect();
    lines.push(String::new());
    let limits = &strategy["limits"];
    lines.extend(Table::new(&LIMITS).lines(&rows(limits, now), None));
    lines.extend(measured(&limits["daily_loss"]));
    lines.extend(reducing(strategy));
    lines
}

fn head(strategy: &Value) -> Vec<(&'static str, String)> {
    let text = |name: &str| words::text(&strategy[name]);
    let since = |moment: &Value| match moment {
        Value::Null => String::new(),
        moment => format!(" since {}", words::moment(moment)),
    };
    let mut head = vec![
        ("strategy", text("strategy")),
        ("state", text("state") + &since(&strategy["since"])),
        ("why", why(strategy)),
    ];
    head.extend(strategy["why"]["event_id"].as_str().map(|id| ("decision", id.to_owned())));
    head.extend(strategy["operator"].as_str().map(|operator| ("asked by", operator.to_owned())));
    if let Some(operator) = strategy["kept_halted_by"].as_str() {
        let when = words::moment(&strategy["kept_halted"]["occurred_at"]);
        head.push(("kept by", format!("{operator} at {when}")));
    }
    let mut trades = text("trades");
    if !strategy["last_trade_at"].is_null() {
        trades = format!("{trades}, the last closed at {}", words::moment(&strategy["last_trade_at"]));
    }
    if strategy["state"] == "HALTED" {
        trades = format!("{trades}, {} of them after the halt", strategy["trades_since_halt"]);
    }
    head.push(("trades", trades));
    head.push(("rejected", words::counted(text("rejected_records"), "record")));
    head
}

fn rows(limits: &Value, now: &str) -> Vec<Value> {
    let loss = &limits["daily_loss"];
    let row = &limits["consecutive_losses"];
    let rate = &limits["win_rate"];
    let lost = loss["day"].as_str().map_or_else(
        || "no trade is counted".to_owned(),
        |day| {
            let day = if now.starts_with(day) { "today" } else { day };
            format!("{} %, {day}", words::figure(&loss["value_pct"]))
        },
    );
    let won = if rate["value_pct"].is_null() {
        format!("{} won, not judged yet", rate["won"])
    } else {
        format!("{} %", words::figure(&rate["value_pct"]))
    };
    let below = |limit: &Value| format!("below {} %", words::number(limit));
    vec![
        json!({ "limit": "daily loss", "now": lost, "halts": below(&loss["limit_pct"]), "trades": loss["trades"],
            "set_in": loss["set_in"] }),
        json!({ "limit": "losses in a row", "now": row["value"], "halts": format!("above {}", row["limit"]),
            "trades": row["value"], "set_in": row["set_in"] }),
        json!({ "limit": "win rate", "now": won, "halts": below(&rate["limit_pct"]),
            "trades": format!("{} of {}", rate["trades"], rate["window"]), "set_in": sections(rate) }),
    ]
}

fn sections(rate: &Value) -> String {
    let (limit, window) = (words::text(&rate["set_in"]), words::text(&rate["window_set_in"]));
    if limit == window { limit } else { format!("{limit}, the window in {window}") }
}

/// What the day made in money, and what its percent is of.
fn measured(loss: &Value) -> Vec<String> {
    let profits: Vec<String> = loss["profits"].as_object().into_iter().flatten().map(amount).collect();
    let (Some(day), false) = (loss["day"].as_str(), profits.is_empty()) else { return Vec::new() };
    let basis = loss["capital"].as_str().map_or_else(
        || "the sum of the trades' percents".to_owned(),
        |capital| format!("of a capital of {capital} {}", words::text(&loss["capital_currency"])),
    );
    vec![format!("{day} made {}; its percent is {basis}", profits.join(" + "))]
}

fn amount((currency, profit): (&String, &Value)) -> String {
    format!("{} {currency}", words::money(profit.as_str().unwrap_or_default()))
}

fn reducing(strategy: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for cause in strategy["reducing"].as_array().into_iter().flatten() {
        lines.push(String::new());
        lines.push(format!("REDUCING ({}): {}", words::text(&cause["kind"]), words::text(&cause["detail"])));
        lines.push(format!("  lifted by: {}", words::text(&cause["lifted_by"])));
        if cause["kind"] == "trade_rejected" {
            lines.extend(strategy["dead_letters"].as_array().into_iter().flatten().map(letter));
        }
    }
    lines
}

fn letter(letter: &Value) -> String {
    let trade = letter["trade_id"]
        .as_str()
        .map_or_else(|| "a trade whose id cannot be read".to_owned(), |trade| format!("trade {trade}"));
    let (id, detail) = (words::text(&letter["id"]), words::text(&letter["detail"]));
    format!("  dead letter {id}: {trade}, {}: {detail}", words::text(&letter["reason"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(value_pct: &Value) -> Value {
        json!({
            "daily_loss": { "day": "2025-01-02", "value_pct": -3.75, "limit_pct": -10.0, "trades": 2,
                "profits": { "USDT": "-3.75" }, "capital": null, "set_in": "default" },
            "consecutive_losses": { "value": 2, "limit": 10, "set_in": "default" },
            "win_rate": { "value_pct": value_pct, "limit_pct": 30.0, "won": 1, "trades": 3, "window": 20,
                "set_in": "default", "window_set_in": "strategy_guard" },
        })
    }

    #[test]
    fn each_limit_is_a_row_with_what_it_rests_on() {
        let strategy = json!({ "strategy": "rsi", "state": "ACTIVE", "trades": 3, "rejected_records": 1,
            "limits": limits(&Value::Null), "reducing": [] });
        let told = in_words(&strategy, "2025-01-02T10:00:00Z").join("\n");
        assert!(
            told.contains("daily loss       -3.75 %, today         below -10 %        2  default"),
            "{told}"
        );
        assert!(
            told.contains("1 won, not judged yet  below 30 %   3 of 20  default, the window in"),
            "{told}"
        );
        assert!(
            told.contains("2025-01-02 made -3.75 USDT; its percent is the sum of the trades' percents"),
            "{told}"
        );
        assert!(told.contains("1 record"), "{told}");
    }

    #[test]
    fn a_rejected_trade_is_told_with_its_dead_letter_and_what_lifts_it() {
        let strategy = json!({ "strategy": "rsi", "state": "REDUCING", "trades": 3, "limits": limits(&json!(45.0)),
            "reducing": [{ "kind": "trade_rejected", "detail": "1 report", "lifted_by": "only you" }],
            "dead_letters": [{ "id": "9fbc", "trade_id": "7", "reason": "conflicting_duplicate", "detail": "differs" }] });
        let told = in_words(&strategy, "2025-01-03").join("\n");
        assert!(told.contains("REDUCING (trade_rejected): 1 report\n  lifted by: only you\n"), "{told}");
        assert!(told.contains("  dead letter 9fbc: trade 7, conflicting_duplicate: differs"), "{told}");
    }
}
