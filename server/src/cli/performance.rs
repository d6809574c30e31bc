//! `performance`: the live figures.

use clap::{Args, ValueEnum};
use events::Timestamp;
use serde_json::Value;

use crate::{
    calls::{self, Call as _},
    problem::Problem,
};

use super::{
    context::Context,
    moment::moment,
    output::{Column, Table, left, right},
    words,
};

/// Over which trades.
#[derive(Debug, Args)]
pub struct Performance {
    /// One row for each
    #[arg(long, value_enum, default_value_t = By::Total)]
    by: By,
    /// Closes from this moment on: a time, a day, or how long ago (7d)
    #[arg(long, value_parser = moment, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Closes before this moment
    #[arg(long, value_parser = moment, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only of this strategy
    #[arg(long)]
    strategy: Option<String>,
}

/// What a row stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    /// Everything together
    Total,
    /// A strategy
    Strategy,
    /// A symbol
    Symbol,
    /// A UTC day
    Day,
}

const COLUMNS: [Column; 16] = [
    left("KEY", key),
    right("TRADES", |row| words::text(&row["trades"])),
    right("WINS", |row| words::text(&row["wins"])),
    right("LOSSES", |row| words::text(&row["losses"])),
    right("DRAWS", |row| words::text(&row["draws"])),
    right("WIN %", |row| words::figure(&row["win_rate_pct"])),
    right("AVERAGE %", |row| words::figure(&row["average_profit_pct"])),
    right("RETURN %", |row| words::figure(&row["return_pct"])),
    right("PROFIT", profit),
    right("FACTOR", |row| words::figure(&row["profit_factor"])),
    right("DRAWDOWN", |row| words::figure(&row["max_drawdown_pct"])),
    right("SHARPE", |row| words::figure(&row["sharpe"])),
    right("SORTINO", |row| words::figure(&row["sortino"])),
    right("BEST %", |row| words::figure(&row["best_trade_pct"])),
    right("WORST %", |row| words::figure(&row["worst_trade_pct"])),
    right("DAYS", |row| words::text(&row["days"])),
];

fn key(row: &Value) -> String {
    let key = ["strategy", "symbol", "day"].iter().find_map(|name| row[*name].as_str());
    key.unwrap_or("total").to_owned()
}

/// The profit with its currency; sums over several currencies are marked.
fn profit(row: &Value) -> String {
    let currencies: Vec<String> =
        row["currencies"].as_array().into_iter().flatten().map(words::text).collect();
    let amount = row["profit"].as_str().and_then(|text| text.parse::<f64>().ok());
    let amount = amount.map_or_else(|| words::text(&row["profit"]), |amount| format!("{amount:.2}"));
    match currencies.as_slice() {
        [one] => format!("{amount} {one}"),
        [] => amount,
        several => format!("{amount} in {}!", several.join("+")),
    }
}

impl Performance {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
        let by = self.by.to_possible_value().map(|value| value.get_name().to_owned());
        let call = calls::Performance { by, since: self.since, until: self.until, strategy: self.strategy };
        let page = context.access("performance", calls::Performance::NEEDS)?.call(&call)?;
        context.out.items(&page.items, &Table::new(&COLUMNS))?;
        if page.items.is_empty() {
            context.out.note(
                "no closed trade there. The figures appear with the first one: tradewarden publish FILE sends trades \
                 to a running server, tradewarden rehearse FILE --data DIR takes them into a folder of its own",
            );
        }
        let several = |item: &str| {
            let row: Value = serde_json::from_str(item).unwrap_or_default();
            row["currencies"].as_array().is_some_and(|currencies| currencies.len() > 1)
        };
        if page.items.iter().any(|item| several(item.get())) {
            context.out.note("profit adds up several currencies: compare percents, or look at one strategy");
        }
        Ok(0)
    }
}
