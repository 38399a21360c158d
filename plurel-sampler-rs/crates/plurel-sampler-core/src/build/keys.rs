//! From the values of a primary key to row numbers.

use arrow_array::Array;
use hashbrown::HashMap;

use crate::build::decode::Keys;
use crate::error::{Error, Result};

/// The rows of one table by primary key. Consecutive integers cost nothing, anything else a hash table.
#[derive(Debug, Default)]
pub enum KeyIndex {
    #[default]
    Empty,
    Consecutive {
        first: i64,
        rows: u32,
    },
    Integers(HashMap<i64, u32>),
    Strings(HashMap<Box<str>, u32>),
}

impl KeyIndex {
    /// Adds the keys of rows `start..`; fails on a missing or repeated key.
    pub fn extend(&mut self, keys: &Keys, start: u64) -> Result<()> {
        let missing = match keys {
            Keys::Integers(values) => values.iter().position(|value| value.is_none()),
            Keys::Strings(values) => values.iter().position(|value| value.is_none()),
        };
        if let Some(index) = missing {
            return Err(Error::value("a primary key is missing").at_row(start + index as u64));
        }
        match keys {
            Keys::Integers(values) => {
                for (index, &value) in values.values().iter().enumerate() {
                    self.insert_integer(value, start as u32 + index as u32)?;
                }
            }
            Keys::Strings(values) => {
                for index in 0..values.len() {
                    self.insert_string(values.value(index), start as u32 + index as u32)?;
                }
            }
        }
        Ok(())
    }

    fn insert_integer(&mut self, value: i64, row: u32) -> Result<()> {
        match self {
            KeyIndex::Empty => {
                *self = KeyIndex::Consecutive { first: value, rows: 1 };
                Ok(())
            }
            KeyIndex::Consecutive { first, rows } if first.checked_add(i64::from(*rows)) == Some(value) => {
                *rows += 1;
                Ok(())
            }
            KeyIndex::Consecutive { first, rows } => {
                let (first, rows) = (*first, *rows);
                *self = KeyIndex::Integers((0..rows).map(|row| (first + i64::from(row), row)).collect());
                self.insert_integer(value, row)
            }
            KeyIndex::Integers(map) => match map.insert(value, row) {
                None => Ok(()),
                Some(earlier) => Err(repeated(&value.to_string(), earlier, row)),
            },
            KeyIndex::Strings(_) => Err(Error::build("the primary key holds text in some rows, integers in others")),
        }
    }

    fn insert_string(&mut self, value: &str, row: u32) -> Result<()> {
        match self {
            KeyIndex::Empty => {
                *self = KeyIndex::Strings(HashMap::from_iter([(Box::from(value), row)]));
                Ok(())
            }
            KeyIndex::Strings(map) => match map.insert(Box::from(value), row) {
                None => Ok(()),
                Some(earlier) => Err(repeated(value, earlier, row)),
            },
            _ => Err(Error::build("the primary key holds text in some rows, integers in others")),
        }
    }

    /// The row of key `index` of a column; fails where the column's type is not the primary key's.
    pub fn row(&self, keys: &Keys, index: usize) -> Result<Found> {
        let found = match (self, keys) {
            (_, Keys::Integers(values)) if values.is_null(index) => return Ok(Found::Null),
            (_, Keys::Strings(values)) if values.is_null(index) => return Ok(Found::Null),
            (KeyIndex::Empty, _) => None,
            (KeyIndex::Consecutive { first, rows }, Keys::Integers(values)) => values
                .value(index)
                .checked_sub(*first)
                .filter(|offset| (0..i64::from(*rows)).contains(offset))
                .map(|offset| offset as u32),
            (KeyIndex::Integers(map), Keys::Integers(values)) => map.get(&values.value(index)).copied(),
            (KeyIndex::Strings(map), Keys::Strings(values)) => map.get(values.value(index)).copied(),
            (KeyIndex::Strings(_), Keys::Integers(_)) => return Err(mixed("integers", "text")),
            (_, Keys::Strings(_)) => return Err(mixed("text", "integers")),
        };
        Ok(found.map_or(Found::Unresolved, Found::Row))
    }
}

/// What a foreign key points at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Row(u32),
    Null,
    Unresolved,
}

fn repeated(value: &str, earlier: u32, row: u32) -> Error {
    Error::value(format!("primary key {value} is that of row {earlier} already")).at_row(u64::from(row))
}

fn mixed(foreign: &str, primary: &str) -> Error {
    Error::build(format!("a foreign key holds {foreign} where the primary key it points at holds {primary}"))
}

/// A key as an error message shows it.
pub fn shown(keys: &Keys, index: usize) -> String {
    match keys {
        Keys::Integers(values) => values.value(index).to_string(),
        Keys::Strings(values) => format!("{:?}", values.value(index)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Int64Array, LargeStringArray};
    use proptest::prelude::*;

    fn integers(values: &[i64]) -> Keys {
        Keys::Integers(Int64Array::from(values.to_vec()))
    }

    proptest! {
        #[test]
        fn every_integer_key_finds_its_row(keys in proptest::collection::hash_set(-50i64..50, 0..40)) {
            let keys: Vec<i64> = keys.into_iter().collect();
            let mut index = KeyIndex::default();
            index.extend(&integers(&keys), 0).unwrap();
            let column = integers(&(-60..60).collect::<Vec<_>>());
            for (i, value) in (-60i64..60).enumerate() {
                let expected = keys.iter().position(|&key| key == value);
                let expected = expected.map_or(Found::Unresolved, |row| Found::Row(row as u32));
                prop_assert_eq!(index.row(&column, i).unwrap(), expected);
            }
        }
    }

    #[test]
    fn consecutive_keys_cost_no_table_and_may_start_anywhere() {
        let mut index = KeyIndex::default();
        index.extend(&integers(&[1, 2, 3]), 0).unwrap();
        index.extend(&integers(&[4]), 3).unwrap();
        assert!(matches!(index, KeyIndex::Consecutive { first: 1, rows: 4 }));
        assert_eq!(index.row(&integers(&[4]), 0).unwrap(), Found::Row(3));
        assert_eq!(index.row(&integers(&[0]), 0).unwrap(), Found::Unresolved);
    }

    #[test]
    fn repeated_and_mixed_keys_are_refused() {
        let mut index = KeyIndex::default();
        assert_eq!(index.extend(&integers(&[7, 9, 7]), 0).unwrap_err().place.row, Some(2));
        let words = Keys::Strings(LargeStringArray::from(vec!["a"]));
        assert!(index.row(&words, 0).is_err());
    }
}
