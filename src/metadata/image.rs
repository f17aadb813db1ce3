//! What the lists say about one image.

use std::sync::Arc;

use super::shape::FindingBox;
use super::vocabulary::States;

/// The metadata of one image. Every value that no list has is absent.
#[derive(Debug, Clone, Default)]
pub struct ImageMetadata {
    /// The patient, unique over all datasets.
    pub patient: Option<Arc<str>>,
    /// The study, unique over all datasets.
    pub study: Option<Arc<str>>,
    /// Key of the same picture in the dataset that it was taken from.
    pub same_image_as: Option<Arc<str>>,
    pub view: Option<View>,
    pub frontal: Option<bool>,
    /// The view as the list has it.
    pub view_raw: Option<Arc<str>>,
    pub sex: Option<Sex>,
    pub age_years: Option<f32>,
    /// The age as the list has it.
    pub age_raw: Option<Arc<str>>,
    /// Whether the age names a group of ages.
    pub age_is_group: Option<bool>,
    /// Days since 1970-01-01.
    pub study_date: Option<i32>,
    pub split: Option<Split>,
    /// The picture is known to be unreadable.
    pub known_bad: bool,
    /// By number of the finding in the vocabulary.
    pub findings: States,
    /// How the findings that are 0 came to be so.
    pub negatives: Option<Negatives>,
    pub label_source: Option<LabelSource>,
    /// The dataset's own terms that are present or uncertain.
    pub terms: Option<Arc<[Arc<str>]>>,
    pub boxes: Vec<FindingBox>,
    pub texts: Option<Box<Texts>>,
}

/// The report, and its sections.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    pub report: Option<String>,
    /// ISO 639-1.
    pub language: &'static str,
    pub findings: Option<String>,
    pub impression: Option<String>,
    pub last_paragraph: Option<String>,
    pub indication: Option<String>,
    pub comparison: Option<String>,
    /// What the labels of the image were made from.
    pub labelled: Option<String>,
}

impl Texts {
    /// Bytes of all texts.
    pub fn len(&self) -> usize {
        let texts = [
            &self.report,
            &self.findings,
            &self.impression,
            &self.last_paragraph,
            &self.indication,
            &self.comparison,
            &self.labelled,
        ];
        texts.into_iter().flatten().map(String::len).sum()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Defines an enumeration whose values have names in the table.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// All values, with their names in the table.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$value, $text),)+];

            /// The name in the table.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $text,)+
                }
            }
        }
    };
}

named! {
    /// The direction of the beam. `LL` and `RL` are laterals whose side is known.
    View {
        Pa = "PA",
        Ap = "AP",
        ApSupine = "AP_SUPINE",
        Lateral = "LATERAL",
        LeftLateral = "LL",
        RightLateral = "RL",
        Oblique = "OBLIQUE",
        Other = "OTHER",
    }
}

impl View {
    /// Whether it is frontal; `None` where the name does not tell.
    pub fn is_frontal(self) -> Option<bool> {
        match self {
            View::Pa | View::Ap | View::ApSupine => Some(true),
            View::Lateral | View::LeftLateral | View::RightLateral => Some(false),
            View::Oblique | View::Other => None,
        }
    }
}

named! {
    /// The sex of the patient as recorded.
    Sex {
        Male = "M",
        Female = "F",
        Other = "O",
    }
}

named! {
    /// The part of the release that an image belongs to.
    Split {
        Train = "train",
        Validate = "validate",
        Test = "test",
    }
}

named! {
    /// What the study dates of a dataset mean.
    DateKind {
        /// The day of the study.
        Real = "real",
        /// Shifted by a different number of days for each patient: only differences have a
        /// meaning.
        Shifted = "shifted",
        /// Invented.
        Fictitious = "fictitious",
        /// There are no dates.
        None = "none",
    }
}

named! {
    /// How the findings of a row that are 0 came to be so.
    Negatives {
        /// The report negates them.
        Negated = "negated",
        /// Nobody named them among what was found.
        Unmentioned = "unmentioned",
        /// A reader looked for them and did not see them.
        Explicit = "explicit",
        /// The row says that nothing was found.
        Implied = "implied",
    }
}

named! {
    /// Who made the labels of a row.
    LabelSource {
        TextMining = "text mining",
        Radiologists = "radiologists",
        Physician = "physician",
        Model = "model",
        Indexers = "indexers",
    }
}
