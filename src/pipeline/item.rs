//! The files that can be requested: the images of a dataset, its index, and its metadata.

use crate::store::ContentKey;
use crate::store::tier::FileId;

/// One file of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    /// Position of the dataset in the mount.
    pub dataset: u8,
    pub what: What,
}

/// Which file of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    Index,
    /// The table `metadata.parquet`.
    Metadata,
    /// By number.
    Image(u32),
}

impl Item {
    pub fn image(dataset: u8, number: u32) -> Self {
        Self {
            dataset,
            what: What::Image(number),
        }
    }

    pub fn index(dataset: u8) -> Self {
        Self {
            dataset,
            what: What::Index,
        }
    }

    pub fn metadata(dataset: u8) -> Self {
        Self {
            dataset,
            what: What::Metadata,
        }
    }

    /// The same file as the tiers identify it.
    pub fn file(self, key: ContentKey) -> FileId {
        FileId {
            dataset: self.dataset,
            image: match self.what {
                What::Index | What::Metadata => None,
                What::Image(number) => Some(number),
            },
            key,
        }
    }
}
