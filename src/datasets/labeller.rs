//! The labels of the CheXpert labeller, which three datasets have: 14 columns of 1, 0, -1 and
//! blanks.

use crate::metadata::image::LabelSource;
use crate::metadata::list::{LabelCells, Labels};

/// The labels of a list; `set` is their name in the vocabulary.
pub(super) const fn labeller(set: &'static str) -> Labels {
    Labels {
        set,
        cells: LabelCells::States {
            // Even where nothing was found, there may be a device.
            except: &["Support Devices"],
        },
        source: Some(LabelSource::TextMining),
        fills: false,
    }
}
