//! Computes inode numbers, so that no table is needed and the numbers stay the same after a
//! remount.
//!
//! ```text
//! 1             the root
//! 2             .machex
//! 3 + n         its file n, of the table in `hidden`
//! d << 24 | k << 20 | n    of the dataset whose `DatasetInfo::number` is d:
//!                          k = 0 its folder, 1 its index, 2 shard n, 3 image n,
//!                          4 its metadata
//! ```
//!
//! All numbers fit into 32 bits, so old 32-bit programs can stat the tree.

use super::hidden;
use crate::serve::{Item, ServedDataset, What};

const ROOT: u64 = 1;
const HIDDEN: u64 = 2;
const FIRST_HIDDEN_FILE: u64 = 3;

const DATASET_SHIFT: u32 = 24;
const KIND_SHIFT: u32 = 20;
const NUMBER_MASK: u64 = (1 << KIND_SHIFT) - 1;

const FOLDER: u64 = 0;
const INDEX: u64 = 1;
const SHARD: u64 = 2;
const IMAGE: u64 = 3;
const METADATA: u64 = 4;

/// A file or folder of the mount. Datasets are identified by their position in the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Node {
    Root,
    /// The folder `.machex`, which is never listed.
    Hidden,
    /// A file in `.machex`, by its position.
    HiddenFile(u8),
    Dataset(u8),
    Shard(u8, u32),
    Item(Item),
}

/// Translates between nodes and inode numbers.
#[derive(Debug)]
pub(super) struct Inodes {
    /// `DatasetInfo::number` of each served dataset, which does not depend on the config.
    codes: Vec<u64>,
}

impl Inodes {
    pub(super) fn new(served: &[ServedDataset]) -> Self {
        let code = |dataset: &ServedDataset| u64::from(dataset.tree.dataset.info().number);
        Self {
            codes: served.iter().map(code).collect(),
        }
    }

    pub(super) fn number(&self, node: Node) -> u64 {
        let of_dataset = |dataset: u8, kind: u64, number: u32| {
            let code = self.codes.get(usize::from(dataset)).copied().unwrap_or(0);
            code << DATASET_SHIFT | kind << KIND_SHIFT | u64::from(number)
        };
        match node {
            Node::Root => ROOT,
            Node::Hidden => HIDDEN,
            Node::HiddenFile(position) => FIRST_HIDDEN_FILE + u64::from(position),
            Node::Dataset(dataset) => of_dataset(dataset, FOLDER, 0),
            Node::Shard(dataset, shard) => of_dataset(dataset, SHARD, shard),
            Node::Item(Item { dataset, what }) => match what {
                What::Index => of_dataset(dataset, INDEX, 0),
                What::Metadata => of_dataset(dataset, METADATA, 0),
                What::Image(number) => of_dataset(dataset, IMAGE, number),
            },
        }
    }

    /// The inverse of [`Self::number`]; `None` for any other number.
    pub(super) fn node(&self, inode: u64) -> Option<Node> {
        match inode {
            ROOT => return Some(Node::Root),
            HIDDEN => return Some(Node::Hidden),
            _ => {}
        }
        if let Some(position) = inode.checked_sub(FIRST_HIDDEN_FILE)
            && position < hidden::FILES.len() as u64
        {
            return Some(Node::HiddenFile(u8::try_from(position).ok()?));
        }
        let code = inode >> DATASET_SHIFT;
        let dataset = self.codes.iter().position(|known| *known == code)?;
        let dataset = u8::try_from(dataset).ok()?;
        let number = u32::try_from(inode & NUMBER_MASK).ok()?;
        match (inode >> KIND_SHIFT & 0xf, number) {
            (FOLDER, 0) => Some(Node::Dataset(dataset)),
            (INDEX, 0) => Some(Node::Item(Item::index(dataset))),
            (METADATA, 0) => Some(Node::Item(Item::metadata(dataset))),
            (SHARD, shard) => Some(Node::Shard(dataset, shard)),
            (IMAGE, number) => Some(Node::Item(Item::image(dataset, number))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inodes() -> Inodes {
        Inodes {
            codes: vec![10, 1, 4],
        }
    }

    fn node() -> impl Strategy<Value = Node> {
        let number = 0u32..1_000_000;
        prop_oneof![
            Just(Node::Root),
            Just(Node::Hidden),
            (0..hidden::FILES.len() as u8).prop_map(Node::HiddenFile),
            (0u8..3).prop_map(Node::Dataset),
            (0u8..3).prop_map(|dataset| Node::Item(Item::index(dataset))),
            (0u8..3).prop_map(|dataset| Node::Item(Item::metadata(dataset))),
            (0u8..3, 0u32..100).prop_map(|(dataset, shard)| Node::Shard(dataset, shard)),
            (0u8..3, number).prop_map(|(dataset, number)| Node::Item(Item::image(dataset, number))),
        ]
    }

    proptest! {
        #[test]
        fn every_node_has_a_number_of_its_own(a in node(), b in node()) {
            let inodes = inodes();
            prop_assert_eq!(inodes.node(inodes.number(a)), Some(a));
            prop_assert_eq!(inodes.number(a) == inodes.number(b), a == b);
            prop_assert!(inodes.number(a) <= u64::from(u32::MAX));
        }

        #[test]
        fn no_number_panics(number in any::<u64>()) {
            let inodes = inodes();
            if let Some(node) = inodes.node(number) {
                prop_assert_eq!(inodes.number(node), number);
            }
        }
    }
}
