//! What can be made: the images of a dataset, and its index.

/// One file of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Item {
    /// Position of the dataset in [`super::Server::datasets`].
    pub dataset: u8,
    pub what: What,
}

/// Which file of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    Index,
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
}
