//! Pictures as PNG, for people: a backtest, the sensitivity of a search. They write no files; the caller gets the bytes.

mod backtest;
mod canvas;
mod sensitivity;

pub use backtest::backtest;
pub use canvas::PictureError;
pub use sensitivity::sensitivity;

#[cfg(test)]
mod tests;
