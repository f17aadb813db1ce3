//! Images of each dataset and view.

use indicatif::HumanCount;

use crate::survey::{DatasetSurvey, printable};
use crate::words::counted;

/// A row of the table of counts.
#[derive(Debug)]
pub(super) struct ViewCounts {
    pub dataset: String,
    /// Absent if the lists or the index cannot be read.
    pub images: Option<String>,
    /// Frontal, lateral and other; absent if unknown.
    pub views: [Option<String>; 3],
}

impl ViewCounts {
    pub(super) fn of(dataset: &DatasetSurvey) -> Self {
        let views = dataset.views.map(|views| {
            [views.frontal, views.lateral, views.other]
                .map(|count| HumanCount(count.into()).to_string())
        });
        Self {
            dataset: printable(&dataset.name),
            images: dataset
                .error
                .is_none()
                .then(|| HumanCount(dataset.images.into()).to_string()),
            views: views.map_or([None, None, None], |views| views.map(Some)),
        }
    }

    /// The sum of all rows; the sums of views only if all are known.
    pub(super) fn sum(datasets: &[DatasetSurvey]) -> Self {
        let mut sums = Some([0u64; 3]);
        for dataset in datasets.iter().filter(|dataset| dataset.error.is_none()) {
            sums = sums.zip(dataset.views).map(|([f, l, o], views)| {
                [
                    f + u64::from(views.frontal),
                    l + u64::from(views.lateral),
                    o + u64::from(views.other),
                ]
            });
        }
        let images = datasets.iter().map(|dataset| u64::from(dataset.images));
        Self {
            dataset: counted(datasets.len() as u64, "dataset", "datasets"),
            images: Some(HumanCount(images.sum()).to_string()),
            views: sums.map_or([None, None, None], |sums| {
                sums.map(|sum| Some(HumanCount(sum).to_string()))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Views;

    fn dataset(name: &str, views: Option<Views>) -> DatasetSurvey {
        DatasetSurvey {
            name: name.to_owned(),
            images: 1000,
            views,
            ..DatasetSurvey::default()
        }
    }

    const VIEWS: Views = Views {
        frontal: 900,
        lateral: 100,
        other: 7,
    };

    #[test]
    fn sums_are_of_what_is_known() {
        let both = [dataset("a", Some(VIEWS)), dataset("b", Some(VIEWS))];
        let sum = ViewCounts::sum(&both);
        assert_eq!(sum.images.as_deref(), Some("2,000"));
        assert_eq!(sum.views[0].as_deref(), Some("1,800"));
        assert_eq!(sum.views[1].as_deref(), Some("200"));
        assert_eq!(sum.views[2].as_deref(), Some("14"));
        let partly = [dataset("a", Some(VIEWS)), dataset("b", None)];
        assert_eq!(ViewCounts::sum(&partly).views, [None, None, None]);
    }
}
