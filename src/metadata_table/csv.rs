//! The table as CSV: one line for each image, null as an empty cell, lists as JSON.

use std::io::{self, Write};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int32Type, UInt8Type, UInt32Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Schema};
use chrono::{DateTime, NaiveDate};
use serde_json::{Map, Value};

/// Writes batches as CSV.
pub struct CsvTable<W: Write> {
    writer: csv::Writer<W>,
}

impl<W: Write> CsvTable<W> {
    pub(super) fn new(output: W, schema: &Schema) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(output);
        writer.write_record(schema.fields().iter().map(|field| field.name()))?;
        Ok(Self { writer })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let cells = batch
                .columns()
                .iter()
                .map(|column| text(&value(column, row)));
            self.writer.write_record(cells)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.writer
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)
    }
}

/// A value as a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value of `array` at `row`.
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
        DataType::Float32 => {
            // By way of its shortest text, so that 0.1 does not become 0.10000000149011612.
            let number = array.as_primitive::<Float32Type>().value(row);
            number.to_string().parse::<f64>().unwrap_or_default().into()
        }
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            let time = DateTime::from_timestamp(i64::from(days) * 86_400, 0);
            time.map_or(NaiveDate::default(), |time| time.date_naive())
                .to_string()
                .into()
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| value(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let named = fields.iter().zip(parts.columns());
            let map: Map<String, Value> = named
                .map(|(field, column)| (field.name().clone(), value(column, row)))
                .collect();
            map.into()
        }
        // The table has no other types: a test writes every column.
        _ => Value::Null,
    }
}
