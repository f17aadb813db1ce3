//! Views, patients, pictures and splits of each dataset, as small bar charts.

use indicatif::HumanCount;

use super::shares::Part;
use crate::metadata::image::{Sex, Split, View};
use crate::survey::{DatasetSurvey, ImageCounts, MetadataSummary, Tally, printable};
use crate::words::counted;

/// Rows of a chart of sizes, before the sum of all others.
const SIZES: usize = 6;

/// The charts of one dataset.
#[derive(Debug)]
pub(super) struct Distributions {
    pub dataset: String,
    pub charts: Vec<Chart>,
    /// The names of charts whose value is not known of any image.
    pub unknown: Vec<&'static str>,
}

/// How many images have each value.
#[derive(Debug)]
pub(super) struct Chart {
    pub name: &'static str,
    /// The images that were counted, in words.
    pub of: String,
    pub rows: Vec<Row>,
}

/// One value.
#[derive(Debug)]
pub(super) struct Row {
    pub name: String,
    pub is_unknown: bool,
    pub part: Part,
}

/// A value in words, and its number of images.
type Counted = (String, u32);

impl Distributions {
    /// `None` if there is no metadata.
    pub(super) fn dataset(dataset: &DatasetSurvey) -> Option<Self> {
        let metadata = dataset.metadata.as_ref()?;
        let charts = [
            ("View", chart(metadata, |of| &of.views, views)),
            ("Sex", chart(metadata, |of| &of.sexes, sexes)),
            ("Age", chart(metadata, |of| &of.decades, ages)),
            ("Size", chart(metadata, |of| &of.sizes, sizes)),
            ("Bits per sample", chart(metadata, |of| &of.bits, bits)),
            ("Official split", chart(metadata, |of| &of.splits, splits)),
        ];
        let unknown = charts.iter().filter(|(_, chart)| chart.is_none());
        let unknown = unknown.map(|(name, _)| *name).collect();
        let charts = charts.into_iter().filter_map(|(name, chart)| {
            let (of, rows) = chart?;
            Some(Chart { name, of, rows })
        });
        Some(Self {
            dataset: printable(&dataset.name),
            charts: charts.collect(),
            unknown,
        })
    }
}

/// The images that a chart is about, and its rows: all images, or, if only headers have the values,
/// those whose headers were looked at; `None` if nothing has them.
fn chart<V: Ord + Copy>(
    metadata: &MetadataSummary,
    tally: fn(&ImageCounts) -> &Tally<V>,
    rows: fn(&Tally<V>) -> Vec<Counted>,
) -> Option<(String, Vec<Row>)> {
    let all = tally(&metadata.all);
    let total = all.all();
    let (tally, is_sample) = if all.known() > 0 {
        (all, false)
    } else {
        (tally(metadata.sample.as_ref()?), true)
    };
    if tally.known() == 0 {
        return None;
    }
    let images = counted(total.into(), "image", "images");
    let of = if is_sample {
        format!("{} of {images} looked at", HumanCount(tally.all().into()))
    } else {
        images
    };
    let row = |(name, count): Counted, is_unknown| {
        let class = if is_unknown { "negative" } else { "positive" };
        Row {
            name,
            is_unknown,
            part: Part::of(class, count, tally.all()),
        }
    };
    let unknown = (tally.unknown() > 0).then(|| ("not known".to_owned(), tally.unknown()));
    let known = rows(tally).into_iter().map(|counted| row(counted, false));
    let unknown = unknown.into_iter().map(|counted| row(counted, true));
    Some((of, known.chain(unknown).collect()))
}

fn views(tally: &Tally<View>) -> Vec<Counted> {
    let words = |view| match view {
        View::Pa => "PA",
        View::Ap => "AP",
        View::ApSupine => "AP supine",
        View::Lateral => "lateral",
        View::LeftLateral => "left lateral",
        View::RightLateral => "right lateral",
        View::Oblique => "oblique",
        View::Other => "other",
    };
    in_words(tally, words)
}

fn sexes(tally: &Tally<Sex>) -> Vec<Counted> {
    let words = |sex| match sex {
        Sex::Male => "male",
        Sex::Female => "female",
        Sex::Other => "other",
    };
    in_words(tally, words)
}

fn splits(tally: &Tally<Split>) -> Vec<Counted> {
    in_words(tally, Split::name)
}

fn bits(tally: &Tally<u8>) -> Vec<Counted> {
    let each = tally.each();
    each.map(|(bits, count)| (counted(bits.into(), "bit", "bits"), count))
        .collect()
}

fn in_words<V: Ord + Copy>(tally: &Tally<V>, words: fn(V) -> &'static str) -> Vec<Counted> {
    let each = tally.each();
    each.map(|(value, count)| (words(value).to_owned(), count))
        .collect()
}

/// All decades between the lowest and the highest one, also those without images.
fn ages(tally: &Tally<u8>) -> Vec<Counted> {
    let mut each = tally.each();
    let Some((first, _)) = each.next() else {
        return Vec::new();
    };
    let last = each.next_back().map_or(first, |(last, _)| last);
    (first..=last)
        .map(|decade| {
            let years = u32::from(decade) * 10;
            (format!("{years}–{} years", years + 9), tally.of(decade))
        })
        .collect()
}

/// The most frequent sizes, and the sum of all others.
fn sizes(tally: &Tally<(u32, u32)>) -> Vec<Counted> {
    let all = tally.by_frequency();
    // One other size needs no more room than a sum.
    let shown = if all.len() == SIZES + 1 {
        all.len()
    } else {
        SIZES
    };
    let (frequent, others) = all.split_at(shown.min(all.len()));
    let mut rows: Vec<Counted> = frequent
        .iter()
        .map(|((width, height), count)| (format!("{width} × {height}"), *count))
        .collect();
    if !others.is_empty() {
        let name = format!("{} other sizes", HumanCount(others.len() as u64));
        rows.push((name, others.iter().map(|(_, count)| count).sum()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally<V: Ord + Copy>(values: &[(V, u32)]) -> Tally<V> {
        let mut tally = Tally::default();
        for (value, count) in values {
            (0..*count).for_each(|_| tally.add(Some(*value)));
        }
        tally
    }

    #[test]
    fn decades_without_images_are_shown_between_others() {
        let rows = ages(&tally(&[(0, 2), (2, 1)]));
        let expected = [("0–9 years", 2), ("10–19 years", 0), ("20–29 years", 1)];
        assert_eq!(rows, expected.map(|(name, count)| (name.to_owned(), count)));
        assert_eq!(ages(&tally(&[(12, 1)])), [("120–129 years".to_owned(), 1)]);
        assert!(ages(&Tally::default()).is_empty());
    }

    #[test]
    fn rare_sizes_are_one_row() {
        let many: Vec<_> = (1..=20).map(|side| ((side, 1), side)).collect();
        let rows = sizes(&tally(&many));
        assert_eq!(rows.len(), SIZES + 1);
        assert_eq!(rows[0], ("20 × 1".to_owned(), 20));
        assert_eq!(rows[SIZES], ("14 other sizes".to_owned(), (1..=14).sum()));
        assert_eq!(sizes(&tally(&many[..7])).len(), 7);
    }

    #[test]
    fn headers_tell_what_lists_do_not() {
        let mut metadata = MetadataSummary::default();
        let mut sample = ImageCounts::default();
        (0..9).for_each(|_| metadata.all.sexes.add(None));
        assert!(chart(&metadata, |of| &of.sexes, sexes).is_none());
        sample.sexes.add(Some(Sex::Female));
        sample.sexes.add(None);
        metadata.sample = Some(sample);
        let (of, rows) = chart(&metadata, |of| &of.sexes, sexes).unwrap();
        assert_eq!(of, "2 of 9 images looked at");
        assert_eq!((rows.len(), rows[1].is_unknown), (2, true));
        metadata.all.sexes.add(Some(Sex::Male));
        let (of, rows) = chart(&metadata, |of| &of.sexes, sexes).unwrap();
        assert_eq!(
            (of.as_str(), rows[1].part.count.as_str()),
            ("10 images", "9")
        );
    }
}
