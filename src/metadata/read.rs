//! Reads a list into records, as its description says. Nothing that is wrong with a list stops
//! anything: what cannot be known stays absent, and a person is told why.

use std::path::Path;

use super::age;
use super::cells::Cells;
use super::list::{Column, Meaning, MetadataList, Rows};
use super::notes::{CellFaults, ListNote};
use super::record::View;
use super::records::{Index, Records};
use super::{date, labels};
use crate::catalog::{CatalogError, ListFault};
use crate::lists::{self, ListFile, Table};

/// Number of rows whose faults are told apart.
const MAX_BAD_ROWS: usize = 5;

/// Code of a dataset for rows that its tables cannot describe: gets the cells of the extra columns,
/// and the numbers of the images that the row is about.
pub type EachRow<'r> = dyn FnMut(&mut Records<'_>, &mut Cells<'_, '_>, &[u32]) + 'r;

impl Records<'_> {
    /// Reads `list`, if it is there, and tells whether it is.
    pub fn read(&mut self, root: &Path, list: &MetadataList) -> bool {
        self.read_also(root, list, &[], &mut |_, _, _| {})
    }

    /// The same; also calls `each` for every row, with the cells of the columns `extra`, of which
    /// any may be missing.
    pub fn read_also(
        &mut self,
        root: &Path,
        list: &MetadataList,
        extra: &[&'static str],
        each: &mut EachRow<'_>,
    ) -> bool {
        let Some(file) = self.find(root, list.files) else {
            return false;
        };
        let mut note = ListNote::new(&file.path);
        note.covers_all = list.covers_all;
        let mut faults = CellFaults::default();
        if let Err(error) = self.read_file(&file, list, extra, each, &mut note, &mut faults) {
            self.warn(error.to_string());
        }
        note.faults.extend(faults.words());
        self.note(note);
        true
    }

    /// The first of `files` below `root`.
    pub fn find(&mut self, root: &Path, files: &[&str]) -> Option<ListFile> {
        for name in files {
            match ListFile::find(self.lists(), &[root.to_owned()], name) {
                Ok(file) => return Some(file),
                Err(CatalogError::MissingList { .. }) => self.lists().input(&root.join(name)),
                Err(error) => self.warn(error.to_string()),
            }
        }
        None
    }

    fn read_file(
        &mut self,
        file: &ListFile,
        list: &MetadataList,
        extra: &[&'static str],
        each: &mut EachRow<'_>,
        note: &mut ListNote,
        faults: &mut CellFaults,
    ) -> Result<(), CatalogError> {
        let mut table = Table::open(self.lists(), file)?;
        let mut names = list.join.column.iter();
        let join = match names.find_map(|name| table.find_like(name)) {
            Some(join) => join,
            None => table.column(list.join.column.first().copied().unwrap_or_default())?,
        };
        let mut absent = Vec::new();
        let mut columns: Vec<(Column, lists::Column)> = Vec::new();
        for column in list.columns {
            let mut names = column.names.iter();
            match names.find_map(|name| table.find_like(name)) {
                Some(found) => columns.push((*column, found)),
                None => absent.extend(column.names.first()),
            }
        }
        let mut found = columns.iter();
        let has_source = found.any(|(column, _)| matches!(column.meaning, Meaning::LabelSource(_)));
        let labels = list
            .labels
            .map(|labels| labels::Columns::of(&table, labels, has_source, &mut absent));
        let boxes = list
            .boxes
            .map(|boxes| super::boxes::Columns::of(&table, boxes, &mut absent));
        let extra: Vec<_> = extra
            .iter()
            .map(|name| (*name, table.find_like(name)))
            .collect();
        absent.extend(
            extra
                .iter()
                .filter(|(_, found)| found.is_none())
                .map(|(name, _)| *name),
        );
        for name in absent {
            if let Err(CatalogError::MissingColumn { column, found, .. }) = table.column(name) {
                note.faults
                    .push(format!(": there is no column \"{column}\": {found}"));
            }
        }
        let mut index = self.index(&list.join);
        let mut matched = vec![false; self.catalog().len() as usize];
        let mut numbers = Vec::new();
        let mut bad_rows = 0;
        loop {
            let row = match table.next_row() {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(
                    error @ CatalogError::List {
                        fault: ListFault::LongRow { .. },
                        ..
                    },
                ) => {
                    bad_rows += 1;
                    if bad_rows <= MAX_BAD_ROWS {
                        self.warn(format!("{error}; this row is left out"));
                    }
                    continue;
                }
                Err(error) => return Err(error),
            };
            note.rows += 1;
            let cell = row.get(join).unwrap_or_default();
            let name = (list.join.of_cell)(cell.trim());
            numbers.clear();
            images(&mut index, list.join.rows, &name, &mut numbers);
            if numbers.is_empty() {
                // The number of a study may be written otherwise than in the name of its folder.
                let cell = row.id(join).unwrap_or_default();
                let number = (list.join.of_cell)(&cell);
                images(&mut index, list.join.rows, &number, &mut numbers);
            }
            if numbers.is_empty() {
                note.unmatched_rows.add(&name);
                continue;
            }
            for number in &numbers {
                if let Some(matched) = matched.get_mut(*number as usize) {
                    *matched = true;
                }
            }
            let mut cells = Cells::new(&row, &extra, faults);
            self.take_columns(&columns, &mut cells, &numbers);
            if let Some(labels) = &labels {
                labels.take(self, &mut cells, &numbers);
            }
            if let Some(boxes) = &boxes {
                boxes.take(self, &mut cells, &numbers);
            }
            each(self, &mut cells, &numbers);
        }
        if bad_rows > MAX_BAD_ROWS {
            let path = crate::shown::Show::shown(&file.path).to_string();
            let more = bad_rows - MAX_BAD_ROWS;
            self.warn(format!("{path}: {more} more such rows are left out"));
        }
        if list.covers_all {
            let catalog = self.catalog();
            let numbers = catalog.present_numbers();
            for number in numbers.filter(|number| !matched[*number as usize]) {
                note.unmatched_images
                    .add(catalog.get(number).map_or("", |entry| entry.key()));
            }
        }
        Ok(())
    }

    fn take_columns(
        &mut self,
        columns: &[(Column, lists::Column)],
        cells: &mut Cells<'_, '_>,
        numbers: &[u32],
    ) {
        let (mut born, mut birthday, mut day) = (None, None, None);
        for (column, place) in columns {
            let name = column.names.first().copied().unwrap_or_default();
            let Some(cell) = cells.id(*place) else {
                continue;
            };
            let cell = cell.trim();
            if cell.is_empty() {
                continue;
            }
            match column.meaning {
                Meaning::YearOfBirth => born = Some(cell.to_owned()),
                Meaning::DateOfBirth => match date::days_from_yyyymmdd(cell) {
                    Some(days) => birthday = Some((days, cell.to_owned())),
                    None => cells.fault(name, cell, "not a date"),
                },
                Meaning::Date => match date::days_from_yyyymmdd(cell) {
                    Some(days) => day = Some(days),
                    None => cells.fault(name, cell, "not a date"),
                },
                meaning => {
                    let wrong = self.take_cell(meaning, cell, numbers);
                    if let Some(wrong) = wrong {
                        cells.fault(name, cell, wrong);
                    }
                }
            }
        }
        if let Some(days) = day {
            self.each(numbers, |record| record.study_date = Some(days));
        }
        if let Some((birthday, raw)) = birthday {
            let raw = self.shared(&raw);
            let years = day.and_then(|day| date::years_between(birthday, day));
            let age = years.filter(|years| (0.0..=age::OLDEST as f32).contains(years));
            self.each(numbers, |record| {
                record.age_raw = Some(raw.clone());
                record.age_years = age;
            });
        }
        if let Some(born) = born {
            let year = born.parse::<f32>().ok().filter(|year| year.fract() == 0.0);
            let age = year
                .zip(day)
                .map(|(born, days)| date::year(days) as f32 - born);
            let raw = self.shared(&born);
            let plausible = age.filter(|age| (0.0..=age::OLDEST as f32).contains(age));
            self.each(numbers, |record| {
                record.age_raw = Some(raw.clone());
                record.age_years = plausible;
            });
            if year.is_none() || age.is_some() && plausible.is_none() {
                cells.fault("year of birth", &born, "not a plausible year of birth");
            }
        }
    }

    /// Takes one cell; returns what is wrong with it.
    fn take_cell(&mut self, meaning: Meaning, cell: &str, numbers: &[u32]) -> Option<&'static str> {
        match meaning {
            Meaning::Patient => numbers
                .iter()
                .for_each(|number| self.set_patient(*number, cell)),
            Meaning::Study => numbers
                .iter()
                .for_each(|number| self.set_study(*number, cell)),
            Meaning::Sex(words) => {
                let Some(sex) = word(words, cell) else {
                    return Some("not a sex that the release has");
                };
                self.each(numbers, |record| record.sex = sex);
            }
            Meaning::Age { zero_is_an_age } => {
                return self.take_age(cell, age::years(cell, zero_is_an_age), None, numbers);
            }
            Meaning::AgeGroup => {
                return self.take_age(cell, age::of_group(cell), Some(true), numbers);
            }
            Meaning::View(names) => {
                let raw = self.shared(cell);
                let known = names.iter().find(|known| known.name == cell);
                self.each(numbers, |record| {
                    record.view_raw = Some(raw.clone());
                    record.view = known.map_or(Some(View::Other), |known| known.view);
                    record.frontal = known.and_then(|known| known.frontal);
                });
                if known.is_none() {
                    return Some("not a view that the release has: it counts as OTHER");
                }
            }
            Meaning::Frontal(words) => {
                let frontal = word(words, cell);
                self.each(numbers, |record| {
                    record.frontal = record.frontal.or(frontal.filter(|_| record.view.is_none()));
                });
            }
            Meaning::Split(words) => {
                let Some(split) = word(words, cell) else {
                    return Some("not a part of the release");
                };
                self.each(numbers, |record| record.split = Some(split));
            }
            Meaning::LabelSource(words) => {
                let Some(source) = word(words, cell) else {
                    return Some("not a known source of labels");
                };
                self.each(numbers, |record| record.label_source = Some(source));
            }
            Meaning::Report(language) => self.each_text(numbers, language, |texts| {
                texts.report = Some(cell.to_owned());
            }),
            Meaning::Findings(language) => self.each_text(numbers, language, |texts| {
                texts.findings = Some(cell.to_owned());
            }),
            Meaning::Impression(language) => self.each_text(numbers, language, |texts| {
                texts.impression = Some(cell.to_owned());
            }),
            Meaning::Indication(language) => self.each_text(numbers, language, |texts| {
                texts.indication = Some(cell.to_owned());
            }),
            Meaning::Comparison(language) => self.each_text(numbers, language, |texts| {
                texts.comparison = Some(cell.to_owned());
            }),
            // These need other cells of the row.
            Meaning::Date | Meaning::DateOfBirth | Meaning::YearOfBirth => {}
        }
        None
    }

    /// Sets the age of images; returns what is wrong with the cell.
    pub fn take_age(
        &mut self,
        cell: &str,
        age: Option<f32>,
        is_group: Option<bool>,
        numbers: &[u32],
    ) -> Option<&'static str> {
        let raw = self.shared(cell);
        self.each(numbers, |record| {
            record.age_raw = Some(raw.clone());
            record.age_years = age;
            record.age_is_group = is_group.filter(|_| age.is_some());
        });
        let is_fault = age.is_none() && !age::is_zero(cell);
        is_fault.then_some("not a possible age")
    }

    /// Changes the records of images.
    pub fn each(&mut self, numbers: &[u32], change: impl Fn(&mut super::record::Record)) {
        for number in numbers {
            if let Some(record) = self.get_mut(*number) {
                change(record);
            }
        }
    }

    fn each_text(
        &mut self,
        numbers: &[u32],
        language: &'static str,
        change: impl Fn(&mut super::record::Texts),
    ) {
        for number in numbers {
            if let Some(texts) = self.texts_mut(*number, language) {
                change(texts);
            }
        }
    }
}

/// The numbers of the images that a row is about.
fn images(index: &mut Index<'_>, rows: Rows, name: &str, numbers: &mut Vec<u32>) {
    match rows {
        Rows::Each => numbers.extend(index.take(name)),
        Rows::Last | Rows::Many => numbers.extend(index.find(name)),
    }
}

/// The meaning of a word, in any case.
fn word<T: Copy>(words: &[(&str, T)], cell: &str) -> Option<T> {
    let mut words = words.iter();
    let found = words.find(|(word, _)| word.eq_ignore_ascii_case(cell));
    found.map(|(_, meaning)| *meaning)
}
