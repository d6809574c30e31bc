//! Candles from Parquet with the columns `ts_ms`, `open`, `high`, `low`, `close`, `volume`, in any order.

use super::{Candle, Candles};
use crate::ReadError;
use parquet::basic::{LogicalType, TimeUnit};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;

const PRICES: [&str; 5] = ["open", "high", "low", "close", "volume"];

/// Reads candles; the timeframe is the smallest distance between two bars. `ts_ms` may be a plain integer in milliseconds or
/// a timestamp of any unit, which then has to be whole milliseconds; the others may be of any number type.
///
/// # Errors
/// A file that is damaged, a column that is missing, null or no number, or the first bad bar with its remedy.
pub fn read_parquet(file: Vec<u8>) -> Result<Candles, ReadError> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(file))?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let (time, unit) = time_column(schema)?;
    let prices = PRICES.map(|name| place(schema, name));
    let mut bars = Vec::new();
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group)?;
        let times = whole_numbers(group.as_ref(), time)?;
        let mut columns = Vec::new();
        for (place, name) in prices.iter().zip(PRICES) {
            columns.push(numbers(group.as_ref(), place.ok_or_else(|| missing(name))?, name)?);
        }
        for (row, time) in times.into_iter().enumerate() {
            bars.push(bar(in_milliseconds(time, unit)?, &columns, row)?);
        }
    }
    Ok(Candles::from_bars(&bars)?)
}

impl From<ParquetError> for ReadError {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error.to_string())
    }
}

fn bar(ts_ms: i64, columns: &[Vec<f64>], row: usize) -> Result<Candle, ReadError> {
    let at = |column: usize| {
        let value = columns[column].get(row).copied();
        value.ok_or_else(|| ReadError::Parquet(format!("{} has too few rows", PRICES[column])))
    };
    Ok(Candle { ts_ms, open: at(0)?, high: at(1)?, low: at(2)?, close: at(3)?, volume: at(4)? })
}

fn place(schema: &SchemaDescriptor, name: &str) -> Option<usize> {
    schema.columns().iter().position(|column| column.name() == name)
}

fn missing(column: &'static str) -> ReadError {
    ReadError::MissingColumn { column, wanted: "ts_ms,open,high,low,close,volume" }
}

/// Place of the time column and how many of its units make a second.
fn time_column(schema: &SchemaDescriptor) -> Result<(usize, i64), ReadError> {
    let place = place(schema, "ts_ms").ok_or_else(|| missing("ts_ms"))?;
    let unit = match schema.column(place).logical_type_ref() {
        Some(LogicalType::Timestamp(stamp)) => stamp.unit,
        _ => TimeUnit::MILLIS,
    };
    let per_second = match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    Ok((place, per_second))
}

fn in_milliseconds(time: i64, per_second: i64) -> Result<i64, ReadError> {
    let per_ms = per_second / 1_000;
    if time % per_ms == 0 {
        return Ok(time / per_ms);
    }
    Err(ReadError::Parquet(format!("ts_ms {time} is no whole number of milliseconds")))
}

fn whole_numbers(group: &dyn RowGroupReader, place: usize) -> Result<Vec<i64>, ReadError> {
    match group.get_column_reader(place)? {
        ColumnReader::Int64ColumnReader(column) => all(column, group, "ts_ms"),
        _ => Err(ReadError::Parquet("ts_ms is no 64-bit integer or timestamp".to_owned())),
    }
}

fn numbers(group: &dyn RowGroupReader, place: usize, name: &str) -> Result<Vec<f64>, ReadError> {
    match group.get_column_reader(place)? {
        ColumnReader::DoubleColumnReader(column) => all(column, group, name),
        ColumnReader::FloatColumnReader(column) => Ok(widened(all(column, group, name)?, f64::from)),
        ColumnReader::Int32ColumnReader(column) => Ok(widened(all(column, group, name)?, f64::from)),
        ColumnReader::Int64ColumnReader(column) => {
            Ok(widened(all(column, group, name)?, |whole| whole as f64))
        }
        _ => Err(ReadError::Parquet(format!("{name} is no column of numbers"))),
    }
}

fn widened<T>(values: Vec<T>, to: impl Fn(T) -> f64) -> Vec<f64> {
    values.into_iter().map(to).collect()
}

/// All values of a column of a row group, which must not be null.
fn all<T: DataType>(
    mut column: ColumnReaderImpl<T>,
    group: &dyn RowGroupReader,
    name: &str,
) -> Result<Vec<T::T>, ReadError> {
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
    let mut values = Vec::new();
    let mut defined = Vec::new();
    let mut read = 0;
    while read < rows {
        let (records, _, _) = column.read_records(rows - read, Some(&mut defined), None, &mut values)?;
        if records == 0 {
            break;
        }
        read += records;
    }
    if read < rows || values.len() != rows {
        return Err(ReadError::Parquet(format!(
            "{name} has {} values in {rows} rows: fill the nulls",
            values.len()
        )));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use parquet::data_type::{DoubleType, Int64Type};
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use proptest::prelude::*;
    use std::sync::Arc;

    const SCHEMA: &str = "message candles { required int64 ts_ms; required double open; required double high;
        required double low; required double close; required double volume; }";

    /// A Parquet file with these bars, their times in `per_ms` units a millisecond.
    fn written(bars: &[Candle], schema: &str, per_ms: i64) -> Vec<u8> {
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let properties =
            WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
        let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
        for group in bars.chunks(10) {
            let mut rows = writer.next_row_group().unwrap();
            let times: Vec<i64> = group.iter().map(|bar| bar.ts_ms * per_ms).collect();
            let mut column = rows.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
            column.close().unwrap();
            let price: [fn(&Candle) -> f64; 5] =
                [|b| b.open, |b| b.high, |b| b.low, |b| b.close, |b| b.volume];
            for price in price {
                let values: Vec<f64> = group.iter().map(price).collect();
                let mut column = rows.next_column().unwrap().unwrap();
                column.typed::<DoubleType>().write_batch(&values, None, None).unwrap();
                column.close().unwrap();
            }
            rows.close().unwrap();
        }
        writer.into_inner().unwrap()
    }

    fn some_bars() -> Vec<Candle> {
        (0..25).map(|i| samples::bar(i, 10.0 + i as f64, 11.0 + i as f64, i as f64)).collect()
    }

    #[test]
    fn written_candles_read_back_the_same() {
        let bars = some_bars();
        assert_eq!(read_parquet(written(&bars, SCHEMA, 1)).unwrap(), samples::candles(&bars));
    }

    #[test]
    fn timestamps_of_other_units_become_milliseconds() {
        let bars = some_bars();
        for (unit, per_ms) in [("MILLIS", 1), ("MICROS", 1_000), ("NANOS", 1_000_000)] {
            let schema = SCHEMA.replace("ts_ms", &format!("ts_ms (TIMESTAMP({unit},true))"));
            assert_eq!(
                read_parquet(written(&bars, &schema, per_ms)).unwrap(),
                samples::candles(&bars),
                "{unit}"
            );
        }
    }

    #[test]
    fn a_missing_column_is_named() {
        let file = written(&some_bars(), &SCHEMA.replace("volume", "amount"), 1);
        assert!(matches!(read_parquet(file), Err(ReadError::MissingColumn { column: "volume", .. })));
        assert!(matches!(read_parquet(Vec::new()), Err(ReadError::Parquet(_))));
    }

    proptest! {
        #[test]
        fn a_damaged_file_gives_candles_or_an_error(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in 0usize..40) {
            let mut file = written(&some_bars(), SCHEMA, 1);
            let index = at.index(file.len());
            file[index] ^= 1 << bit;
            file.truncate(file.len() - cut.saturating_sub(20));
            let _ = read_parquet(file);
        }
    }
}
