//! The tables that `machex metadata` writes, as JSON.

// Not every test uses all of it.
#![allow(dead_code)]

use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int32Type, UInt8Type, UInt32Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use chrono::{Days, NaiveDate};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};

use super::common::Bench;

/// A table: its rows by column.
pub struct Table {
    pub schema: Schema,
    pub rows: Vec<Map<String, Value>>,
    /// Facts about the whole.
    pub facts: HashMap<String, String>,
}

impl Table {
    pub fn of_parquet(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = Schema::clone(builder.schema());
        let facts = builder.metadata().file_metadata().key_value_metadata();
        let facts = facts.into_iter().flatten();
        let facts = facts
            .map(|fact| (fact.key.clone(), fact.value.clone().unwrap_or_default()))
            .collect();
        let batches = builder.build().unwrap().map(Result::unwrap);
        Self {
            schema,
            rows: batches.flat_map(|batch| rows(&batch)).collect(),
            facts,
        }
    }

    pub fn of_arrow(path: &Path) -> Self {
        let reader =
            arrow_ipc::reader::FileReader::try_new(File::open(path).unwrap(), None).unwrap();
        Self {
            schema: Schema::clone(&reader.schema()),
            facts: reader
                .schema()
                .metadata()
                .iter()
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
            rows: reader.flat_map(|batch| rows(&batch.unwrap())).collect(),
        }
    }

    /// The rows of one dataset, in their order.
    pub fn of(&self, dataset: &str) -> Vec<&Map<String, Value>> {
        let rows = self.rows.iter();
        rows.filter(|row| row["dataset"] == dataset).collect()
    }

    /// The values of one column, of one dataset.
    pub fn column(&self, dataset: &str, name: &str) -> Vec<Value> {
        let rows = self.of(dataset).into_iter();
        rows.map(|row| row[name].clone()).collect()
    }

    /// The row of an image.
    #[track_caller]
    pub fn row(&self, dataset: &str, key: &str) -> &Map<String, Value> {
        let mut rows = self.of(dataset).into_iter();
        rows.find(|row| row["key"] == key)
            .unwrap_or_else(|| panic!("no row of {key}"))
    }
}

fn rows(batch: &RecordBatch) -> Vec<Map<String, Value>> {
    let schema = batch.schema();
    let row = |number| {
        let fields = schema.fields().iter().zip(batch.columns());
        fields
            .map(|(field, column)| (field.name().clone(), value(column, number)))
            .collect()
    };
    (0..batch.num_rows()).map(row).collect()
}

fn value(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        // By way of its shortest text.
        DataType::Float32 => {
            let number = array.as_primitive::<Float32Type>().value(row);
            number.to_string().parse::<f64>().unwrap().into()
        }
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let day = NaiveDate::from_ymd_opt(1970, 1, 1)
                .unwrap()
                .checked_add_days(Days::new(u64::try_from(days).unwrap()));
            day.unwrap().to_string().into()
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| value(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let parts = fields.iter().zip(array.as_struct().columns());
            let parts: Map<String, Value> = parts
                .map(|(field, column)| (field.name().clone(), value(column, row)))
                .collect();
            parts.into()
        }
        other => panic!("{other}"),
    }
}

/// The table of a bench, with these arguments.
#[track_caller]
pub fn table(bench: &Bench, more: &[&str]) -> Table {
    let arguments = [&["metadata", "-o", "table.parquet"], more].concat();
    bench.run(&arguments).expect_status(0);
    Table::of_parquet(&bench.path("table.parquet"))
}

/// Changes the config of a sample.
pub fn configure(bench: &Bench, from: &str, to: &str) {
    let path = bench.path("config.yml");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

pub fn expect(row: &Map<String, Value>, expected: &[(&str, Value)]) {
    for (name, value) in expected {
        assert_eq!(&row[*name], value, "{name} of {}", row["key"]);
    }
}
