//! What tests of several crates share. Only built with the feature `test-support`.

use std::{io::Write as _, path::PathBuf};

/// A folder of shared data: of TRADEWARDEN_SHARED_DATA, else of `shared/data` beside the checkout; nothing, said by name,
/// where it is absent.
#[expect(clippy::disallowed_methods, reason = "a test is told where its data lies")]
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("TRADEWARDEN_SHARED_DATA").map_or_else(beside, PathBuf::from).join(folder);
    let found = path.exists();
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not there", path.display());
    }
    found.then_some(path)
}

/// Parts of the names of shared files whose columns are not ours, with what they mean.
const MAPPINGS: [(&str, &[&str]); 7] = [
    (
        "paper_trades_mit",
        &[
            "strategy==paper",
            "symbol=market_name",
            "side=position_type",
            "quantity==1",
            "profit=trade_pnl_pct",
            "profit_pct=trade_pnl_pct",
            "opened_at=entry_time",
            "closed_at=exit_time",
        ],
    ),
    (
        "hourly_synthetic",
        &[
            "strategy==golden",
            "symbol==BTCUSDT",
            "side==long",
            "trade_id=entry_bar_ts",
            "opened_at=entry_bar_ts",
            "closed_at=exit_bar_ts",
            "profit=pnl",
            "profit_ratio=ret",
        ],
    ),
    (
        "03a-",
        &[
            "strategy==vbt",
            "trade_id=Exit Trade Id",
            "symbol=Column",
            "side=Direction",
            "quantity=Size",
            "entry_price=Avg Entry Price",
            "profit=PnL",
            "profit_ratio=Return",
            "opened_at=Entry Timestamp",
            "closed_at=Exit Timestamp",
        ],
    ),
    (
        "06a-",
        &[
            "trade_id=id",
            "opened_at=entryTime",
            "closed_at=exitTime",
            "entry_price=entryPrice",
            "exit_price=exitPrice",
            "fee=commission",
            "profit=pnl",
            "profit_pct=pnlPercent",
        ],
    ),
    (
        "09a-",
        &[
            "strategy==a",
            "quantity=qty",
            "entry_price=entry",
            "profit=pnl",
            "profit_pct=pnl_pct",
            "opened_at=entry_ts",
            "closed_at=exit_ts",
        ],
    ),
    (
        "09c-",
        &[
            "strategy==k",
            "side==long",
            "symbol=Symbol",
            "quantity=Menge",
            "entry_price=Preis",
            "profit=Gewinn_Verlust",
            "profit_pct=Prozent",
            "opened_at=Zeit_auf",
            "closed_at=Zeit_zu",
            "trade_id=Nummer",
        ],
    ),
    (
        "20a-",
        &[
            "strategy==ea",
            "symbol==EURUSD",
            "side=position",
            "quantity==1",
            "profit=pnl",
            "profit_pct=pct",
            "opened_at=entry_time",
            "closed_at=exit_time",
        ],
    ),
];

/// What the columns of a shared file mean, as `--map` takes it; nothing where they are ours.
#[must_use]
pub fn columns_of(file: &str) -> &'static [&'static str] {
    MAPPINGS.iter().find(|(part, _)| file.contains(part)).map_or(&[], |(_, columns)| columns)
}
