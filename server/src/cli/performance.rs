//! `performance`: the live figures.

use clap::{Args, ValueEnum};
use events::Timestamp;
use serde_json::Value;

use crate::{calls, problem::Problem};

use super::{
    context::Context,
    empty::Asked,
    moment::moment,
    output::{Column, Table, left, right},
    words,
};

/// Over which trades.
#[derive(Debug, Args)]
pub(super) struct Performance {
    /// One row for each
    #[arg(long, value_enum, default_value_t = By::Total)]
    by: By,
    /// Closes from this moment on: a time, a day, yesterday, or how long ago (7d); all in UTC
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Closes before this moment
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
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

/// The profit of each currency: no sum over two of them is an amount of money.
fn profit(row: &Value) -> String {
    let profits: Vec<String> = currencies(row)
        .map(|(currency, profit)| format!("{} {currency}", words::money(profit.as_str().unwrap_or_default())))
        .collect();
    if profits.is_empty() { "0".to_owned() } else { profits.join(" + ") }
}

fn currencies(row: &Value) -> impl Iterator<Item = (&String, &Value)> {
    row["profits"].as_object().into_iter().flatten()
}

/// What has to be said about the currencies of the rows.
fn about_currencies(rows: &[Value]) -> Vec<&'static str> {
    let several = rows.iter().any(|row| currencies(row).count() > 1);
    let unknown = rows.iter().any(|row| currencies(row).any(|(currency, _)| currency == "?"));
    let several = several.then_some(
        "profits in several currencies stand side by side: only their percents can be compared; in JSON, profit adds \
         them up and profits does not",
    );
    let unknown = unknown.then_some(
        "\"?\" stands for trades whose currency neither the report nor the symbol tells: send the field currency, or set \
         intake.default_currency",
    );
    several.into_iter().chain(unknown).collect()
}

impl Performance {
    /// Prints them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let by = self.by.to_possible_value().map(|value| value.get_name().to_owned());
        let (since, until) = (self.since, self.until);
        let asked = Asked { strategy: self.strategy.clone(), since, until, ..Asked::default() };
        let call = calls::Performance { by, since, until, strategy: self.strategy };
        let access = context.access::<calls::Performance>("performance")?;
        let page = access.call(&call)?;
        context.out.items(&page.items, &Table::new(&COLUMNS))?;
        let rows: Vec<Value> =
            page.items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect();
        if rows.iter().all(|row| row["trades"] == 0) {
            let appears = "The figures appear with the first one: tradewarden publish FILE sends trades to a running server, \
                           tradewarden rehearse FILE --data DIR takes them into a folder of its own";
            asked.note_nothing(&access, &context.out, "closed trade", appears)?;
        }
        about_currencies(&rows).into_iter().for_each(|note| context.out.note(note));
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_currency_stands_by_itself() {
        let row = json!({"profit": "9.5", "profits": {"?": "0.0001234", "KRW": "1500.005", "USDT": "-3"}});
        assert_eq!(profit(&row), "0.0001234 ? + 1500.00 KRW + -3.00 USDT");
        assert_eq!(about_currencies(&[row]).len(), 2);
    }

    #[test]
    fn one_known_currency_needs_no_word() {
        let row = json!({"profit": "9.5", "profits": {"USDT": "9.5"}});
        assert_eq!(profit(&row), "9.50 USDT");
        assert!(about_currencies(&[row]).is_empty());
    }
}
