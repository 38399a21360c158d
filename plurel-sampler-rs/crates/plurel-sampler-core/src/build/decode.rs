//! Arrow columns into the few value types that a store knows: f64 numbers, i64 microseconds, strings, keys.
//!
//! Every function takes a column of one batch; rows in its errors count from the batch's first row, `start`.

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Date64Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, LargeStringArray, new_null_array};
use arrow_cast::{CastOptions, cast_with_options};
use arrow_schema::{DataType, TimeUnit};

use crate::error::{Error, Result};
use crate::spec::Encoding;

/// The encoding that an Arrow type suggests; `None` where a column of this type cannot be a cell.
pub fn infer(data_type: &DataType) -> Option<Encoding> {
    match data_type {
        DataType::Boolean => Some(Encoding::Boolean),
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(Encoding::Datetime),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(Encoding::Text),
        DataType::Dictionary(_, values) => match infer(values)? {
            Encoding::Text => Some(Encoding::Category),
            other => Some(other),
        },
        DataType::Null | DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => Some(Encoding::Number),
        other if other.is_numeric() => Some(Encoding::Number),
        _ => None,
    }
}

fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, to, &options).map_err(|error| Error::value(error.to_string()))
}

fn unpacked(array: &ArrayRef) -> Result<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values),
        _ => Ok(array.clone()),
    }
}

/// Numbers as f64, booleans as 0 and 1; NaN counts as missing. `boolean` refuses everything else than 0 and 1.
pub fn numbers(array: &ArrayRef, boolean: bool, start: u64) -> Result<Vec<Option<f64>>> {
    let array = unpacked(array)?;
    let numeric = match array.data_type() {
        DataType::Null => new_null_array(&DataType::Float64, array.len()),
        DataType::Duration(_) | DataType::Time64(_) => cast(&cast(&array, &DataType::Int64)?, &DataType::Float64)?,
        DataType::Time32(_) => cast(&cast(&array, &DataType::Int32)?, &DataType::Float64)?,
        DataType::Boolean => cast(&array, &DataType::Float64)?,
        other if other.is_numeric() => cast(&array, &DataType::Float64)?,
        other => {
            let wanted = if boolean { "booleans" } else { "numbers" };
            return Err(Error::value(format!("Arrow type {other} where {wanted} were expected")));
        }
    };
    let values: &Float64Array = numeric.as_primitive::<Float64Type>();
    let mut out = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let value = value.filter(|v| !v.is_nan());
        if let Some(v) = value {
            let row = start + index as u64;
            if v.is_infinite() {
                return Err(Error::value(format!("{v} is no number that a store can hold")).at_row(row));
            }
            if boolean && v != 0.0 && v != 1.0 {
                return Err(Error::value(format!("{v} where a boolean (0 or 1) was expected")).at_row(row));
            }
        }
        out.push(value);
    }
    Ok(out)
}

const MICROSECONDS_A_DAY: i64 = 86_400_000_000;
/// Times beyond this (year 148,000) would run into the marks for "always" and "never".
const TIME_BOUND: i64 = 1 << 62;

/// Datetimes as microseconds since 1970 (UTC where a zone is given); nanoseconds are rounded down.
pub fn microseconds(array: &ArrayRef, start: u64) -> Result<Vec<Option<i64>>> {
    let array = unpacked(array)?;
    let (raw, scale): (ArrayRef, fn(i64) -> Option<i64>) = match array.data_type() {
        DataType::Null => (new_null_array(&DataType::Int64, array.len()), Some),
        DataType::Timestamp(unit, _) => {
            let scale: fn(i64) -> Option<i64> = match unit {
                TimeUnit::Second => |v| v.checked_mul(1_000_000),
                TimeUnit::Millisecond => |v| v.checked_mul(1_000),
                TimeUnit::Microsecond => Some,
                TimeUnit::Nanosecond => |v| Some(v.div_euclid(1_000)),
            };
            (cast(&array, &DataType::Int64)?, scale)
        }
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>();
            let days: Int64Array = days.iter().map(|day| day.map(i64::from)).collect();
            (std::sync::Arc::new(days), |v| v.checked_mul(MICROSECONDS_A_DAY))
        }
        DataType::Date64 => {
            let milliseconds: Int64Array = array.as_primitive::<Date64Type>().iter().collect();
            (std::sync::Arc::new(milliseconds), |v| v.checked_mul(1_000))
        }
        other => return Err(Error::value(format!("Arrow type {other} where datetimes were expected"))),
    };
    let raw = raw.as_primitive::<Int64Type>();
    let mut out = Vec::with_capacity(raw.len());
    for (index, value) in raw.iter().enumerate() {
        let Some(value) = value else {
            out.push(None);
            continue;
        };
        let scaled = scale(value).filter(|v| (-TIME_BOUND..TIME_BOUND).contains(v));
        let Some(scaled) = scaled else {
            let message = format!("{value} is too far from 1970 for microseconds");
            return Err(Error::value(message).at_row(start + index as u64));
        };
        out.push(Some(scaled));
    }
    Ok(out)
}

/// The strings of a text or category column; other values as Arrow prints them (times of a zone in UTC). A whole float
/// is written as the integer is that pandas made it of, and NaN counts as missing.
pub fn strings(array: &ArrayRef) -> Result<LargeStringArray> {
    let printed = |array: &ArrayRef| Ok(cast(array, &DataType::LargeUtf8)?.as_string::<i64>().clone());
    if infer(array.data_type()).is_some_and(Encoding::is_string) {
        return printed(array);
    }
    let array = unpacked(array)?;
    match array.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            printed(&cast(&cast(&array, &DataType::Int64)?, &DataType::Timestamp(*unit, None))?)
        }
        other if other.is_floating() => {
            let numbers = cast(&array, &DataType::Float64)?;
            let texts = printed(&array)?;
            let values = numbers.as_primitive::<Float64Type>().iter().zip(texts.iter());
            Ok(values.map(|(number, text)| Some(float_text(number?, text?)).filter(|text| text != "NaN")).collect())
        }
        _ => printed(&array),
    }
}

fn float_text(number: f64, printed: &str) -> String {
    if is_whole(number) { format!("{}", number as i64) } else { printed.to_string() }
}

/// Whether a float stands for an integer, exactly.
fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() < 9.0e15
}

/// The values of a key column.
pub enum Keys {
    Integers(Int64Array),
    Strings(LargeStringArray),
}

/// Keys as integers where they are (whole floats too, as pandas makes them of keys with gaps), else as strings.
pub fn keys(array: &ArrayRef, start: u64) -> Result<Keys> {
    let array = unpacked(array)?;
    match array.data_type() {
        DataType::Null => Ok(Keys::Integers(Int64Array::new_null(array.len()))),
        other if other.is_integer() => {
            Ok(Keys::Integers(cast(&array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()))
        }
        other if other.is_floating() => {
            let values = cast(&array, &DataType::Float64)?;
            let mut whole = Vec::with_capacity(array.len());
            for (index, value) in values.as_primitive::<Float64Type>().iter().enumerate() {
                let value = value.filter(|v| !v.is_nan());
                if let Some(v) = value
                    && !is_whole(v)
                {
                    let message = format!("{v} is no key: a key held as a float must be a whole number");
                    return Err(Error::value(message).at_row(start + index as u64));
                }
                whole.push(value.map(|v| v as i64));
            }
            Ok(Keys::Integers(Int64Array::from(whole)))
        }
        _ => Ok(Keys::Strings(strings(&array)?)),
    }
}
