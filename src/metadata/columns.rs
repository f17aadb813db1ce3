//! Takes the cells of a row as the description of its list says.

use super::builder::MetadataBuilder;
use super::cells::Cells;
use super::image::{Texts, View};
use super::list::{Column, Meaning};
use super::{age, date};
use crate::lists;

impl MetadataBuilder<'_> {
    pub(super) fn take_columns(
        &mut self,
        columns: &[(Column, lists::Column)],
        cells: &mut Cells<'_, '_>,
        numbers: &[u32],
    ) {
        let (mut born, mut birthday, mut day) = (None, None, None);
        for (column, place) in columns {
            let name = column.names.first().copied().unwrap_or_default();
            let Some(cell) = cells.text(*place) else {
                continue;
            };
            let cell = cell.as_str();
            match column.meaning {
                Meaning::YearOfBirth => born = Some((name, cell.to_owned())),
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
            self.each(numbers, |image| image.study_date = Some(days));
        }
        if let Some((birthday, raw)) = birthday {
            let raw = self.shared(&raw);
            let years = day.and_then(|day| date::years_between(birthday, day));
            let age = years.filter(|years| (0.0..=age::OLDEST as f32).contains(years));
            self.each(numbers, |image| {
                image.age_raw = Some(raw.clone());
                image.age_years = age;
            });
        }
        if let Some((name, born)) = born {
            let year = born.parse::<f32>().ok().filter(|year| year.fract() == 0.0);
            let age = year
                .zip(day)
                .map(|(born, days)| date::year(days) as f32 - born);
            let raw = self.shared(&born);
            let plausible = age.filter(|age| (0.0..=age::OLDEST as f32).contains(age));
            self.each(numbers, |image| {
                image.age_raw = Some(raw.clone());
                image.age_years = plausible;
            });
            if year.is_none() || age.is_some() && plausible.is_none() {
                cells.fault(name, &born, "not a possible year of birth");
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
                self.each(numbers, |image| image.sex = sex);
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
                self.each(numbers, |image| {
                    image.view_raw = Some(raw.clone());
                    image.view = known.map_or(Some(View::Other), |known| known.view);
                    // A word that is not known says nothing against what another column says.
                    image.frontal = known.map_or(image.frontal, |known| known.frontal);
                });
                if known.is_none() {
                    return Some("not a view that the release has: it counts as OTHER");
                }
            }
            Meaning::Frontal(words) => {
                let frontal = word(words, cell);
                self.each(numbers, |image| {
                    image.frontal = image.frontal.or(frontal.filter(|_| image.view.is_none()));
                });
            }
            Meaning::Split(words) => {
                let Some(split) = word(words, cell) else {
                    return Some("not a part of the release");
                };
                self.each(numbers, |image| image.split = Some(split));
            }
            Meaning::LabelSource(words) => {
                let Some(source) = word(words, cell) else {
                    return Some("not a known source of labels");
                };
                self.each(numbers, |image| image.label_source = Some(source));
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
    fn take_age(
        &mut self,
        cell: &str,
        age: Option<f32>,
        is_group: Option<bool>,
        numbers: &[u32],
    ) -> Option<&'static str> {
        let raw = self.shared(cell);
        self.each(numbers, |image| {
            image.age_raw = Some(raw.clone());
            image.age_years = age;
            image.age_is_group = is_group.filter(|_| age.is_some());
        });
        let is_fault = age.is_none() && !age::is_zero(cell);
        is_fault.then_some("not a possible age")
    }

    fn each_text(&mut self, numbers: &[u32], language: &'static str, change: impl Fn(&mut Texts)) {
        for number in numbers {
            if let Some(texts) = self.texts_mut(*number, language) {
                change(texts);
            }
        }
    }
}

/// The meaning of a word, in any case.
fn word<T: Copy>(words: &[(&str, T)], cell: &str) -> Option<T> {
    let mut words = words.iter();
    let found = words.find(|(word, _)| word.eq_ignore_ascii_case(cell));
    found.map(|(_, meaning)| *meaning)
}
