//! The contents of folders: finds nodes by name, and lists them in order. Nothing here touches a
//! disk.

use std::ffi::OsStr;

use fuser::FileType;

use super::hidden;
use super::inode::Node;
use crate::metadata_table;
use crate::names;
use crate::serve::{Item, ServedDataset, Server, What};

impl Node {
    pub(super) fn kind(self) -> FileType {
        match self {
            Node::Root | Node::Hidden | Node::Dataset(_) | Node::Shard(..) => FileType::Directory,
            Node::HiddenFile(_) | Node::Item(_) => FileType::RegularFile,
        }
    }

    /// The folder that contains this node.
    fn parent(self) -> Node {
        match self {
            Node::Shard(dataset, _) => Node::Dataset(dataset),
            Node::HiddenFile(_) => Node::Hidden,
            Node::Item(Item { dataset, what }) => match what {
                What::Index | What::Metadata => Node::Dataset(dataset),
                What::Image(number) => Node::Shard(dataset, number / names::SHARD_SIZE),
            },
            Node::Root | Node::Hidden | Node::Dataset(_) => Node::Root,
        }
    }

    /// Whether it is for operators. Only the owner of the mount may see it, since it contains
    /// paths.
    pub(super) fn is_private(self) -> bool {
        matches!(self, Node::Hidden | Node::HiddenFile(_))
    }
}

/// Finds the node `name` in the folder `parent`. NFS servers look up `.` and `..` of inode numbers
/// that they remember, whose nodes may not exist in this mount.
pub(super) fn find(server: &Server, parent: Node, name: &OsStr) -> Option<Node> {
    let name = name.to_str()?;
    match (name, parent) {
        ("." | "..", node) if !exists(server, node) => return None,
        (".", node) => return Some(node),
        ("..", node) => return Some(node.parent()),
        _ => {}
    }
    match parent {
        Node::Root if name == hidden::FOLDER => Some(Node::Hidden),
        Node::Root => {
            let position = server
                .datasets()
                .iter()
                .position(|dataset| dataset.name() == name)?;
            Some(Node::Dataset(u8::try_from(position).ok()?))
        }
        Node::Hidden => hidden::find(name).map(Node::HiddenFile),
        Node::Dataset(dataset) if name == names::INDEX_NAME => {
            Some(Node::Item(Item::index(dataset)))
        }
        // Never listed: the tree equals that of the original script, file for file.
        Node::Dataset(dataset) if name == metadata_table::FILE_NAME => {
            Some(Node::Item(Item::metadata(dataset)))
        }
        Node::Dataset(dataset) => {
            let shard = names::parse_shard_name(name)?;
            (shard < shard_count(server, dataset)).then_some(Node::Shard(dataset, shard))
        }
        Node::Shard(dataset, shard) => {
            let number = names::parse_image_name(name)?;
            let is_there =
                number / names::SHARD_SIZE == shard && has_image(server, dataset, number);
            is_there.then_some(Node::Item(Item::image(dataset, number)))
        }
        Node::HiddenFile(_) | Node::Item(_) => None,
    }
}

/// The first entry of a folder at `position` or later, with its own position. Positions start at 0;
/// the first two are `.` and `..`. They never change, since they are the offsets of READDIR: an
/// image that is left out has a position but no entry.
pub(super) fn entry(server: &Server, folder: Node, position: u64) -> Option<(u64, Node, String)> {
    match position {
        0 => return Some((0, folder, ".".to_owned())),
        1 => return Some((1, folder.parent(), "..".to_owned())),
        _ => {}
    }
    let at = u32::try_from(position - 2).ok()?;
    let (at, node, name) = entry_at(server, folder, at)?;
    Some((u64::from(at) + 2, node, name))
}

fn entry_at(server: &Server, folder: Node, at: u32) -> Option<(u32, Node, String)> {
    match folder {
        Node::Root => {
            let dataset = u8::try_from(at).ok()?;
            let name = server.datasets().get(usize::from(dataset))?.name();
            Some((at, Node::Dataset(dataset), name.to_owned()))
        }
        Node::Hidden => {
            let file = hidden::FILES.get(at as usize)?;
            let node = Node::HiddenFile(u8::try_from(at).ok()?);
            Some((at, node, file.name.to_owned()))
        }
        Node::Dataset(dataset) => match at {
            0 => {
                let index = Node::Item(Item::index(dataset));
                Some((at, index, names::INDEX_NAME.to_owned()))
            }
            _ => {
                let shard = at - 1;
                (shard < shard_count(server, dataset)).then(|| {
                    let name = names::shard_name(shard * names::SHARD_SIZE);
                    (at, Node::Shard(dataset, shard), name)
                })
            }
        },
        Node::Shard(dataset, shard) => {
            // Inode numbers can come from anywhere, so the shard can be too large.
            let start = shard.checked_mul(names::SHARD_SIZE)?;
            let end = start.saturating_add(names::SHARD_SIZE);
            let end = end.min(image_count(server, dataset));
            let mut numbers = start.checked_add(at)?..end;
            let number = numbers.find(|number| has_image(server, dataset, *number))?;
            let name = format!("{}.jpg", names::image_id(number));
            let image = Node::Item(Item::image(dataset, number));
            Some((number - start, image, name))
        }
        Node::HiddenFile(_) | Node::Item(_) => None,
    }
}

/// Whether this mount has the node.
fn exists(server: &Server, node: Node) -> bool {
    match node {
        Node::Root | Node::Hidden | Node::HiddenFile(_) => true,
        Node::Dataset(dataset) => usize::from(dataset) < server.datasets().len(),
        Node::Shard(dataset, shard) => shard < shard_count(server, dataset),
        Node::Item(Item { dataset, what }) => match what {
            What::Index | What::Metadata => usize::from(dataset) < server.datasets().len(),
            What::Image(number) => has_image(server, dataset, number),
        },
    }
}

/// Number of folders in a folder.
pub(super) fn folder_count(server: &Server, folder: Node) -> u32 {
    match folder {
        Node::Root => u32::try_from(server.datasets().len()).unwrap_or(0),
        Node::Dataset(dataset) => shard_count(server, dataset),
        _ => 0,
    }
}

fn has_image(server: &Server, dataset: u8, number: u32) -> bool {
    let dataset: Option<&ServedDataset> = server.datasets().get(usize::from(dataset));
    dataset.is_some_and(|dataset| dataset.catalog.has(number))
}

fn image_count(server: &Server, dataset: u8) -> u32 {
    let dataset: Option<&ServedDataset> = server.datasets().get(usize::from(dataset));
    dataset.map_or(0, |dataset| dataset.catalog.len())
}

fn shard_count(server: &Server, dataset: u8) -> u32 {
    names::shard_count(image_count(server, dataset))
}
