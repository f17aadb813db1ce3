//! Reads the countable columns of a finished table, which may come from another program.

use std::fs::File;
use std::io;

use arrow_array::types::{Float32Type, Int8Type, UInt8Type, UInt32Type};
use arrow_array::{
    Array, ArrowPrimitiveType, BooleanArray, PrimitiveArray, RecordBatch, StringArray,
};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::properties::ImageProperties;
use super::writer::TableError;
use crate::metadata::Vocabulary;
use crate::metadata::image::{LabelSource, Negatives, Sex, Split, View};
use crate::metadata::vocabulary::State;

/// The columns that are read, besides those of findings.
const COLUMNS: [&str; 10] = [
    "view",
    "sex",
    "age_years",
    "age_is_group",
    "split",
    "negatives",
    "label_source",
    "source_width",
    "source_height",
    "source_bits",
];

/// Passes the properties of every image of the table in `file` to `each`. A word that is not one of
/// the table's own counts as absent.
///
/// # Errors
/// If the file cannot be read, or one of its columns is missing or has another type.
pub fn read_properties(
    file: File,
    each: &mut dyn FnMut(&ImageProperties),
) -> Result<(), TableError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let findings = Vocabulary::get().findings().iter().copied();
    let names = COLUMNS.into_iter().chain(findings);
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    for batch in builder.with_projection(mask).build()? {
        read_batch(&batch?, each)?;
    }
    Ok(())
}

fn read_batch(
    batch: &RecordBatch,
    each: &mut dyn FnMut(&ImageProperties),
) -> Result<(), TableError> {
    let [views, sexes, splits] = ["view", "sex", "split"].map(|name| column(batch, name));
    let (views, sexes, splits): (&StringArray, &StringArray, &StringArray) =
        (views?, sexes?, splits?);
    let negatives: &StringArray = column(batch, "negatives")?;
    let sources: &StringArray = column(batch, "label_source")?;
    let groups: &BooleanArray = column(batch, "age_is_group")?;
    let ages: &PrimitiveArray<Float32Type> = column(batch, "age_years")?;
    let widths: &PrimitiveArray<UInt32Type> = column(batch, "source_width")?;
    let heights: &PrimitiveArray<UInt32Type> = column(batch, "source_height")?;
    let bits: &PrimitiveArray<UInt8Type> = column(batch, "source_bits")?;
    let findings = Vocabulary::get().findings().iter();
    let findings: Vec<&PrimitiveArray<Int8Type>> = findings
        .map(|finding| column(batch, finding))
        .collect::<Result<_, _>>()?;
    for row in 0..batch.num_rows() {
        let mut properties = ImageProperties {
            view: word(views, row, View::ALL),
            sex: word(sexes, row, Sex::ALL),
            age_years: value(ages, row).filter(|_| !(groups.is_valid(row) && groups.value(row))),
            split: word(splits, row, Split::ALL),
            negatives: word(negatives, row, Negatives::ALL),
            label_source: word(sources, row, LabelSource::ALL),
            size: value(widths, row).zip(value(heights, row)),
            bits: value(bits, row),
            ..ImageProperties::default()
        };
        for (number, states) in findings.iter().enumerate() {
            let state: State = value(states, row).filter(|state| (-1..=1).contains(state));
            properties.findings.set(number, state);
        }
        each(&properties);
    }
    Ok(())
}

fn column<'b, A: Array + 'static>(batch: &'b RecordBatch, name: &str) -> Result<&'b A, TableError> {
    let column = batch.column_by_name(name);
    let column = column.and_then(|column| column.as_any().downcast_ref::<A>());
    column.ok_or_else(|| {
        io::Error::other(format!(
            "its column \"{name}\" is missing or has another type than this version of machex \
             writes: make it again"
        ))
        .into()
    })
}

fn value<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

fn word<V: Copy>(column: &StringArray, row: usize, all: &[(V, &str)]) -> Option<V> {
    let word = column.is_valid(row).then(|| column.value(row))?;
    let known = all.iter().find(|(_, name)| *name == word)?;
    Some(known.0)
}
